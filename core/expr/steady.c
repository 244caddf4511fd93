/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * steady.c - which values stay the same while conditions are evaluated.
 *
 * What is not named here may do anything when it is asked for: a module's
 * fetch is evaluated as often as it is written. The texts that steady fetches
 * give stand in a message, in the configuration or in the request's arena,
 * never in scratch memory. Control thread, when all files are read.
 */
#include "config.h"

#include "expr/cond.h"

static const char *const fixed[] = { "always_false", "always_true", "bin", "bool",
	"env", "int", "ipv4", "ipv6", "meth", "nbthread", "proc", "quic_enabled", "str",
	"tgroup", NULL };

/* By connection, by request head, by response head. */
static const char *const steady[] = { "accept_date", "dst", "dst_is_local", "dst_port",
	"fc_dst", "fc_dst_is_local", "fc_dst_port", "fc_http_major", "fc_pp_authority",
	"fc_pp_tlv", "fc_pp_unique_id", "fc_rcvd_proxy", "fc_src", "fc_src_is_local",
	"fc_src_port", "fe_id", "fe_name", "hostname", "pid", "request_date", "so_id",
	"so_name", "src", "src_is_local", "src_port", "ssl_fc", "thread",

	"base", "base32", "base32+src", "baseq", "capture.req.hdr",
	"capture.req.method", "capture.req.uri", "capture.req.ver", "cook", "cook_cnt",
	"cook_val", "cookie", "hdr", "hdr_cnt", "hdr_ip", "hdr_val", "http_auth",
	"http_auth_bearer", "http_auth_group", "http_auth_pass", "http_auth_type",
	"http_auth_user", "http_first_req", "method", "path", "pathq", "query",
	"req.cook", "req.cook_cnt", "req.cook_names", "req.cook_val", "req.fhdr",
	"req.fhdr_cnt", "req.hdr", "req.hdr_cnt", "req.hdr_ip", "req.hdr_names",
	"req.hdr_val", "req.hdrs", "req.hdrs_bin", "req.proto_http", "req.ssl_alpn",
	"req.ssl_ec_ext", "req.ssl_hello_type", "req.ssl_sni", "req.ssl_st_ext",
	"req.ssl_ver", "req.ver", "req_proto_http", "req_ssl_hello_type", "req_ssl_sni",
	"req_ssl_ver", "req_ver", "url", "url32", "url32+src", "url_ip", "url_param",
	"url_port", "urlp", "urlp_val",

	"capture.res.hdr", "capture.res.ver", "res.cook", "res.cook_cnt",
	"res.cook_names", "res.cook_val", "res.fhdr", "res.fhdr_cnt", "res.hdr",
	"res.hdr_cnt", "res.hdr_ip", "res.hdr_names", "res.hdr_val", "res.hdrs",
	"res.hdrs_bin", "res.ver", "resp_ver", "scook", "scook_cnt", "scook_val",
	"set-cookie", "shdr", "shdr_cnt", "shdr_ip", "shdr_val", "status", NULL };

static const char *const fickle[] = { "act_conn", "avg_queue", "connslots",
	"cpu_usage_grp", "cpu_usage_proc", "cpu_usage_thr", "date", "date_us", "nbsrv",
	"payload", "payload_lv", "queue", "rand", "rdp_cookie", "rdp_cookie_cnt",
	"req.body", "req.body_len", "req.body_param", "req.body_size", "req.len",
	"req.payload", "req.payload_lv", "req.rdp_cookie", "req.rdp_cookie_cnt",
	"req_len", "res.body", "res.body_len", "res.body_size", "res.len",
	"res.payload", "res.payload_lv", "uptime", "uuid", "wait_end", NULL };

/* Converters whose result is their input's and arguments' alone. */
static const char *const pure[] = { "b64dec", "base2", "base64", "be2dec", "be2hex",
	"bool", "cpl", "crc32", "crc32c", "cut_crlf", "digest", "djb2", "even", "field",
	"fix_tag_value", "hex", "hex2i", "host_only", "htonl", "http_date", "iif",
	"ipmask", "json", "json_query", "language", "le2dec", "length", "lower",
	"ltime", "ltrim", "mqtt_field_value", "neg", "not", "odd", "param", "port_only",
	"protobuf", "regsub", "reverse", "reverse_dom", "rfc7239_field",
	"rfc7239_is_valid", "rfc7239_n2nn", "rfc7239_n2np", "rfc7239_nn", "rfc7239_np",
	"rtrim", "sdbm", "sha1", "sha2", "ub64dec", "ub64enc", "ungrpc", "upper",
	"url_dec", "url_enc", "us_ltime", "us_utime", "utime", "word", "wt6",
	"x509_v_err_str", "xxh3", "xxh32", "xxh64", NULL };

/* The same, when their argument is no variable. */
static const char *const with_number[] = { "add", "and", "bytes", "div", "mod", "mul",
	"or", "sub", "xor", NULL };

static bool
begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static enum tw__steady
fetch_steady(const char *name)
{
	if (tw_is_one_of(name, fixed))
		return TW__FIXED;
	if (tw_is_one_of(name, steady))
		return TW__STEADY;
	if (strcmp(name, "var") == 0)
		return TW__BY_VARS;
	if (tw_is_one_of(name, fickle) || begins(name, "be_") || begins(name, "fe_") ||
	    begins(name, "srv_"))
		return TW__FICKLE;
	return TW__UNKNOWN;
}

static bool
names_variable(const struct tw__call *call)
{
	for (int i = 0; i < TW__ARGS_MAX; i++)
		if (call->args[i].ptr != NULL)
			return true;
	return false;
}

static enum tw__steady
conv_steady(const struct tw__call *call)
{
	const char *const name = call->conv->name;

	if (tw_is_one_of(name, pure))
		return TW__FIXED;
	if (tw_is_one_of(name, with_number))
		return names_variable(call) ? TW__BY_VARS : TW__FIXED;
	if (strcmp(name, "concat") == 0 || strcmp(name, "strcmp") == 0)
		return TW__BY_VARS;
	/* a map changes between two requests, not within a step */
	if (strcmp(name, "map") == 0 || begins(name, "map_"))
		return TW__STEADY;
	return strcmp(name, "nbsrv") == 0 || strcmp(name, "srv_queue") == 0
	    ? TW__FICKLE
	    : TW__UNKNOWN;
}

enum tw__steady
tw__expr_steady(const struct tw_expr *e)
{
	enum tw__steady worst = fetch_steady(e->fetch->name);

	for (int i = 0; i < e->n_convs; i++) {
		const enum tw__steady s = conv_steady(&e->conv[i]);
		worst = s > worst ? s : worst;
	}
	return worst;
}

enum tw__steady
tw__acl_steady(const struct tw__acl *acl)
{
	enum tw__steady worst = TW__FIXED;

	for (const struct tw__acl_test *t = acl->tests; t != NULL; t = t->next) {
		enum tw__steady s = tw__expr_steady(t->expr);
		if (t->files != NULL && s < TW__STEADY)
			s = TW__STEADY; /* a file's entries change, too */
		worst = s > worst ? s : worst;
	}
	return worst;
}

bool
tw__cond_is_pure(const struct tw_cond *c)
{
	for (uint16_t i = 0; i < c->n; i++)
		if (tw__acl_steady(c->term[i].acl) == TW__UNKNOWN)
			return false;
	return true;
}
