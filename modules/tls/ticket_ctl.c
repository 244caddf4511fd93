/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ticket_ctl.c - show tls-keys, set ssl tls-key. Control thread.
 *
 * source: HAProxy's management guide, 9.3.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include <tideway/command.h>
#include <tideway/encode.h>

#include "ticket.h"

/* A file's name, or "#" and its number. out: id. returns: NULL: none is so called. */
static struct tls_ticket_keys *
keys_find(const char *word, int *id)
{
	struct tls_ticket_keys *keys;
	struct tw_err err;
	uint64_t n = UINT64_MAX;

	if (word[0] == '#')
		(void)tw_parse_uint(word + 1, 0, INT32_MAX, &n, &err);
	for (int i = 0; (keys = tls__ticket_each(i)) != NULL; i++) {
		*id = i;
		if ((word[0] == '#' && (uint64_t)i == n) ||
		    strcmp(keys->file, word) == 0)
			return keys;
	}
	return NULL;
}

static void
keys_show(struct tw_cli *cli, const struct tls_ticket_keys *keys, int id)
{
	const struct tls_keyring *const ring = atomic_load(&keys->ring);
	char text[2 * TLS_TICKET_256];

	tw_cli_printf(cli, "# %d (%s)\n", id, keys->file);
	for (int i = 0; i < TLS_TICKET_KEYS; i++) {
		const size_t n =
		    tw_base64_encode((struct tw_str){ (const char *)ring->key[i].bytes,
					 ring->key_bytes },
			text, false);

		tw_cli_printf(cli, "%d.%d %.*s\n", id, i, (int)n, text);
	}
	OPENSSL_cleanse(text, sizeof(text));
}

static void
show_files(struct tw_cli *cli)
{
	const struct tls_ticket_keys *keys;

	tw_cli_printf(cli, "# id (file)\n");
	for (int i = 0; (keys = tls__ticket_each(i)) != NULL; i++)
		tw_cli_printf(cli, "%d (%s)\n", i, keys->file);
}

void
tls__ticket_show(struct tw_cli *cli, int argc, char *const argv[])
{
	const bool every = argc > 0 && strcmp(argv[0], "*") == 0;
	const struct tls_ticket_keys *keys;
	int id = 0;

	if (argc == 0) {
		show_files(cli);
		return;
	}
	if (tw_cli_level(cli) < TW_CLI_OPERATOR) {
		tw_cli_msg(cli, TW_ERR, "Permission denied\n");
		return;
	}
	keys = every ? NULL : keys_find(argv[0], &id);
	if (!every && keys == NULL) {
		tw_cli_msg(cli, TW_ERR,
		    "'show tls-keys' unable to locate referenced filename\n");
		return;
	}
	tw_cli_printf(cli, "# id secret\n");
	if (keys != NULL)
		keys_show(cli, keys, id);
	for (int i = 0; every && (keys = tls__ticket_each(i)) != NULL; i++)
		keys_show(cli, keys, i);
}

void
tls__ticket_set(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tls_ticket_key key = { { 0 } };
	struct tls_ticket_keys *keys;
	int id, n;

	if (argc < 2) {
		tw_cli_msg(cli, TW_ERR,
		    "'set ssl tls-key' expects a filename and the new TLS key in "
		    "base64 encoding.\n");
		return;
	}
	keys = keys_find(argv[0], &id);
	if (keys == NULL) {
		tw_cli_msg(cli, TW_ERR,
		    "'set ssl tls-key' unable to locate referenced filename\n");
		return;
	}
	n = tls__ticket_key_decode(tw_str_of(argv[1]), &key);
	if (n < 0)
		tw_cli_msg(cli, TW_ERR,
		    "'set ssl tls-key' received invalid base64 encoded TLS key.\n");
	else if ((uint32_t)n != atomic_load(&keys->ring)->key_bytes)
		tw_cli_msg(
		    cli, TW_ERR, "'set ssl tls-key' received a key of wrong size.\n");
	else {
		tls__ticket_add(keys, &key);
		tw_cli_msg(cli, TW_INFO, "TLS ticket key updated!\n");
	}
	OPENSSL_cleanse(&key, sizeof(key));
}
