/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_keys.c - fetches of the secrets of TLS 1.3, for whoever has to read
 * what was recorded. Any worker. source: HAProxy's manual, 7.3.4.
 */
#include "fetch.h"
#include "watch.h"

static bool
give(const struct tls_keys *keys, enum tls_key id, struct tw_sample *out)
{
	return keys != NULL && keys->secret[id][0] != '\0' &&
	    tls__give_z(out, keys->secret[id]);
}

#define SECRET(name, id)                                                \
	TLS_GET(ssl_fc_##name)                                          \
	{                                                               \
		const struct tls_state *const st = tls__client(req);    \
		TW_GET_UNUSED;                                          \
		return st != NULL && give(st->keys, TLS_KEY_##id, out); \
	}                                                               \
	TLS_GET(ssl_bc_##name)                                          \
	{                                                               \
		TW_GET_UNUSED;                                          \
		return give(tls__server(req).keys, TLS_KEY_##id, out);  \
	}

SECRET(client_early_traffic_secret, CLIENT_EARLY_TRAFFIC_SECRET)
SECRET(client_handshake_traffic_secret, CLIENT_HANDSHAKE_TRAFFIC_SECRET)
SECRET(client_traffic_secret_0, CLIENT_TRAFFIC_SECRET_0)
SECRET(early_exporter_secret, EARLY_EXPORTER_SECRET)
SECRET(exporter_secret, EXPORTER_SECRET)
SECRET(server_handshake_traffic_secret, SERVER_HANDSHAKE_TRAFFIC_SECRET)
SECRET(server_traffic_secret_0, SERVER_TRAFFIC_SECRET_0)
