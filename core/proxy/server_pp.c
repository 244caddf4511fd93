/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_pp.c - options of servers about the PROXY header, version 2.
 *
 * What default-server lines have made is shared by pointer; an option of a
 * server's own works on a copy. Values that speak of TLS are its transport's.
 * source: HAProxy's manual, chapter 5.2.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/check.h>
#include <tideway/transport.h>

#include "core/net/conn.h"
#include "core/proxy/proxy_int.h"

/* The line's own copy. */
static struct tw__pp_conf *
own(struct tw_line *ln)
{
	struct tw_server *srv = ln->state;
	struct tw_arena *arena = ln->gen->conf.arena;
	struct tw__pp_conf *pp = tw_arena_zalloc(arena, sizeof(*pp));
	struct tw__pp_value **end = &pp->values;

	if (srv->pp != NULL) {
		*pp = (struct tw__pp_conf){ .crc32c = srv->pp->crc32c,
			.tlvs = srv->pp->tlvs,
			.teller = srv->pp->teller };
		for (const struct tw__pp_value *v = srv->pp->values; v; v = v->next) {
			*end = tw_arena_alloc(arena, sizeof(*v));
			**end = *v;
			(*end)->next = NULL;
			end = &(*end)->next;
		}
	}
	srv->pp = pp;
	return pp;
}

/* The last one of a type wins. */
static int
value_set(struct tw_line *ln, struct tw__pp_conf *pp, uint8_t type, const char *text)
{
	struct tw__pp_value *v, **at = &pp->values;

	while (*at != NULL && (*at)->type != type)
		at = &(*at)->next;
	if (*at == NULL)
		*at = tw_arena_zalloc(ln->gen->conf.arena, sizeof(**at));
	v = *at;
	v->type = type;
	v->fmt = tw_logfmt_compile(ln, 0, text);
	return v->fmt != NULL ? 0 : -1;
}

/* The name asked for is in TLS only: without a module for that there is none. */
static int
tlvs_set(struct tw_line *ln, struct tw__pp_conf *pp, unsigned tlvs)
{
	pp->teller = tw_transport_find("tls");
	if (pp->teller == NULL && tlvs != TW_TLV_AUTHORITY)
		return tw_line_fail(ln, -1,
		    "'%s' speaks of TLS, and no module is loaded that knows it; see "
		    "'module-load'",
		    ln->kw->word);
	pp->tlvs |= tlvs;
	return 0;
}

static int
option_set(struct tw_line *ln, struct tw__pp_conf *pp, const char *word)
{
	static const struct {
		const char *word;
		unsigned tlvs;
	} of_tls[] = {
		{ "ssl", TW_TLV_SSL },
		{ "cert-cn", TW_TLV_SSL | TW_TLV_CN },
		{ "ssl-cipher", TW_TLV_SSL | TW_TLV_CIPHER },
		{ "cert-sig", TW_TLV_SSL | TW_TLV_SIG },
		{ "cert-key", TW_TLV_SSL | TW_TLV_KEY },
		{ "authority", TW_TLV_AUTHORITY },
	};

	if (strcmp(word, "crc32c") == 0) {
		pp->crc32c = true;
		return 0;
	}
	if (strcmp(word, "unique-id") == 0)
		return value_set(ln, pp, TW__PP_UNIQUE_ID, "%ID");
	for (size_t i = 0; i < TW_N_ELEMENTS(of_tls); i++)
		if (strcmp(word, of_tls[i].word) == 0)
			return tlvs_set(ln, pp, of_tls[i].tlvs);
	return tw_line_fail(ln, 0,
	    "'proxy-v2-options' does not know '%s'; write a list of 'ssl', 'cert-cn', "
	    "'ssl-cipher', 'cert-sig', 'cert-key', 'authority', 'crc32c' and "
	    "'unique-id'",
	    word);
}

/* send-proxy-v2-ssl, send-proxy-v2-ssl-cn */
static int
set_v2_ssl(struct tw_line *ln)
{
	struct tw_server *const srv = ln->state;
	const bool cn = strcmp(ln->kw->word, "send-proxy-v2-ssl-cn") == 0;

	srv->send_proxy2 = true;
	return tlvs_set(ln, own(ln), TW_TLV_SSL | (cn ? TW_TLV_CN : 0));
}

/* As HAProxy takes it: there is no header at all then. */
static int
clear_v2_ssl(struct tw_line *ln)
{
	struct tw_server *const srv = ln->state;

	srv->send_proxy2 = false;
	own(ln)->tlvs &= ~(TW_TLV_SSL | TW_TLV_CN);
	return 0;
}

static int
set_options(struct tw_line *ln)
{
	char *list = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, 0)), *save, *word;
	struct tw__pp_conf *pp = own(ln);

	for (word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save)) {
		if (option_set(ln, pp, word) < 0)
			return -1;
	}
	return 0;
}

/* "set-proxy-v2-tlv-fmt(0x20)" */
static int
set_tlv_fmt(struct tw_line *ln)
{
	const char *word = ln->word[ln->pos], *open = strchr(word, '(');
	const int base = open != NULL && strncasecmp(open + 1, "0x", 2) == 0 ? 16 : 10;
	char *end = NULL;
	const unsigned long type = open != NULL ? strtoul(open + 1, &end, base) : 256;

	if (open == NULL || end == open + 1 || strcmp(end, ")") != 0 || type > 255)
		return tw_line_fail(ln, -1,
		    "'set-proxy-v2-tlv-fmt' expects a type from 0 to 255 in "
		    "parentheses, such as set-proxy-v2-tlv-fmt(0x20)");
	if (type == TW__PP_CRC32C)
		return tw_line_fail(
		    ln, -1, "a checksum is no format; write 'proxy-v2-options crc32c'");
	return value_set(ln, own(ln), (uint8_t)type, tw_arg(ln, 0));
}

static int
clear_v2(struct tw_line *ln)
{
	((struct tw_server *)ln->state)->send_proxy2 = false;
	return 0;
}

/* An address of a connected socket. family 0: unknown. */
static struct tw_addr
address_of(int fd, int (*get)(int, struct sockaddr *restrict, socklen_t *restrict))
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct tw_addr addr = { .family = 0 };

	if (get(fd, (struct sockaddr *)&ss, &len) == 0)
		tw_addr_from_sockaddr(&addr, (struct sockaddr *)&ss, len);
	return addr;
}

void
tw_server_check_header(
    const struct tw_server *srv, int version, int fd, struct tw_out *out)
{
	static const struct tw_addr nobody = { .family = 0 };
	char *const start = out->p;

	if (version == 1) {
		const struct tw_addr src = address_of(fd, getsockname);
		const struct tw_addr dst = address_of(fd, getpeername);

		tw__proxy_hdr_write(out, &src, &dst);
		return;
	}
	tw__proxy_hdr2_begin(out, &nobody, &nobody);
	if (out->over)
		return;
	start[12] = 0x20; /* version 2, LOCAL */
	tw__proxy_hdr2_end(out, start, srv->pp != NULL && srv->pp->crc32c);
}

#define AT(field) offsetof(struct tw_server, field)

/* clang-format off */
const struct tw_kw tw__server_pp_kw[] = {
	{ "send-proxy-v2", TW_SC_SERVER, 0, 0, tw_set_flag, "",
		"Connections begin with a PROXY protocol header, version 2.", "off",
		0, AT(send_proxy2), 0, 0, NULL },
	{ "no-send-proxy-v2", TW_SC_SERVER, 0, 0, clear_v2, "",
		"Undoes 'send-proxy-v2'.", NULL, 0, 0, 0, 0, NULL },
	{ "send-proxy-v2-ssl", TW_SC_SERVER, 0, 0, set_v2_ssl, "",
		"As send-proxy-v2, with what is known of the client's TLS.", "off",
		0, 0, 0, 0, NULL },
	{ "no-send-proxy-v2-ssl", TW_SC_SERVER, 0, 0, clear_v2_ssl, "",
		"Undoes 'send-proxy-v2-ssl'.", NULL, 0, 0, 0, 0, NULL },
	{ "send-proxy-v2-ssl-cn", TW_SC_SERVER, 0, 0, set_v2_ssl, "",
		"The same, with the common name in the client's certificate.", "off",
		0, 0, 0, 0, NULL },
	{ "no-send-proxy-v2-ssl-cn", TW_SC_SERVER, 0, 0, clear_v2_ssl, "",
		"Undoes 'send-proxy-v2-ssl-cn'.", NULL, 0, 0, 0, 0, NULL },
	{ "proxy-v2-options", TW_SC_SERVER, 1, 1, set_options,
		"{ssl|cert-cn|ssl-cipher|cert-sig|cert-key|authority|crc32c|"
		"unique-id}[,...]",
		"What a version 2 header has beside the addresses.", NULL, 0, 0, 0,
		0, NULL },
	{ "set-proxy-v2-tlv-fmt", TW_SC_SERVER, 1, 1, set_tlv_fmt,
		"(<type>) <format>", "A value of a type of one's own in a version 2 "
		"header, as a log-format.", NULL, 0, 0, 0, 0, NULL },
	{ .word = NULL },
};
/* clang-format on */
