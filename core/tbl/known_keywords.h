/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */

/*
 * known_keywords.h - the words that HAProxy 3.4's documentation knows.
 *
 * Only for messages: a word that no unit or module claims, but that stands
 * here, is "known to HAProxy, not available here" rather than a typing error,
 * and the nearest word for a real typing error is looked for here too. Read
 * only while a configuration is parsed (control thread).
 *
 * X(sections, word, second): `sections` is a union of TW_KN_x, `second` is ""
 * for the word itself. Where `word` holds a space it stands for the line's
 * first two words ("tcp-request content"). For "cookie" and "hash-type",
 * `second` may stand anywhere on the line. A word of the file is compared up
 * to its "(" ("set-var(txn.x)" is "set-var"). The lines are in strcmp() order
 * of (word, second), one per pair, so bsearch() works. Proxy sections follow
 * the keyword matrix; TW_KN_DLB and its like are just unions.
 *
 * LONG: one sorted table, a word a line; in parts it could not be searched.
 */
#ifndef TW_TBL_KNOWN_KEYWORDS_H
#define TW_TBL_KNOWN_KEYWORDS_H

/* Sections, and kinds of words that are no section's. */
#define TW_KN_GLOBAL (1u << 0)
#define TW_KN_DEFAULTS (1u << 1)
#define TW_KN_FRONTEND (1u << 2)
#define TW_KN_LISTEN (1u << 3)
#define TW_KN_BACKEND (1u << 4)
#define TW_KN_USERLIST (1u << 5)
#define TW_KN_PEERS (1u << 6)
#define TW_KN_RESOLVERS (1u << 7)
#define TW_KN_MAILERS (1u << 8)
#define TW_KN_HTTP_ERRORS (1u << 9)
#define TW_KN_RING (1u << 10)
#define TW_KN_LOG_FORWARD (1u << 11)
#define TW_KN_LOG_PROFILE (1u << 12)
#define TW_KN_CACHE (1u << 13)
#define TW_KN_FCGI_APP (1u << 14)
#define TW_KN_CRT_STORE (1u << 15)
#define TW_KN_TRACES (1u << 16)
#define TW_KN_ACME (1u << 17)
#define TW_KN_HEALTHCHECK (1u << 18)
#define TW_KN_SECTION (1u << 19) /* a section's name */
#define TW_KN_BIND (1u << 20) /* an option of bind */
#define TW_KN_SERVER (1u << 21) /* an option of server */
#define TW_KN_FETCH (1u << 22) /* a sample fetch */
#define TW_KN_ACL (1u << 23) /* only in an ACL */
#define TW_KN_CONVERTER (1u << 24) /* a converter */
#define TW_KN_LOGVAR (1u << 25) /* %x in a log-format */

#define TW_KN_PROXY TW_KN_DFLB
#define TW_KN_FL (TW_KN_FRONTEND | TW_KN_LISTEN)
#define TW_KN_LB (TW_KN_LISTEN | TW_KN_BACKEND)
#define TW_KN_DFL (TW_KN_DEFAULTS | TW_KN_FRONTEND | TW_KN_LISTEN)
#define TW_KN_DLB (TW_KN_DEFAULTS | TW_KN_LISTEN | TW_KN_BACKEND)
#define TW_KN_FLB (TW_KN_FRONTEND | TW_KN_LISTEN | TW_KN_BACKEND)
#define TW_KN_DFLB \
	(TW_KN_DEFAULTS | TW_KN_FRONTEND | TW_KN_LISTEN | TW_KN_BACKEND)

#define TW_KNOWN_KEYWORDS(X) \
	X(TW_KN_FETCH, "51d.all", "") \
	X(TW_KN_CONVERTER, "51d.single", "") \
	X(TW_KN_GLOBAL, "51degrees-allow-unmatched", "") \
	X(TW_KN_GLOBAL, "51degrees-cache-size", "") \
	X(TW_KN_GLOBAL, "51degrees-data-file", "") \
	X(TW_KN_GLOBAL, "51degrees-difference", "") \
	X(TW_KN_GLOBAL, "51degrees-drift", "") \
	X(TW_KN_GLOBAL, "51degrees-property-name-list", "") \
	X(TW_KN_GLOBAL, "51degrees-property-separator", "") \
	X(TW_KN_GLOBAL, "51degrees-use-performance-graph", "") \
	X(TW_KN_GLOBAL, "51degrees-use-predictive-graph", "") \
	X(TW_KN_LOGVAR, "B", "") \
	X(TW_KN_LOGVAR, "CC", "") \
	X(TW_KN_LOGVAR, "CS", "") \
	X(TW_KN_ACL, "FALSE", "") \
	X(TW_KN_LOGVAR, "H", "") \
	X(TW_KN_LOGVAR, "HM", "") \
	X(TW_KN_LOGVAR, "HP", "") \
	X(TW_KN_LOGVAR, "HPO", "") \
	X(TW_KN_LOGVAR, "HQ", "") \
	X(TW_KN_ACL, "HTTP", "") \
	X(TW_KN_ACL, "HTTP_1.0", "") \
	X(TW_KN_ACL, "HTTP_1.1", "") \
	X(TW_KN_ACL, "HTTP_2.0", "") \
	X(TW_KN_ACL, "HTTP_3.0", "") \
	X(TW_KN_ACL, "HTTP_CONTENT", "") \
	X(TW_KN_ACL, "HTTP_URL_ABS", "") \
	X(TW_KN_ACL, "HTTP_URL_SLASH", "") \
	X(TW_KN_ACL, "HTTP_URL_STAR", "") \
	X(TW_KN_LOGVAR, "HU", "") \
	X(TW_KN_LOGVAR, "HV", "") \
	X(TW_KN_LOGVAR, "ID", "") \
	X(TW_KN_ACL, "LOCALHOST", "") \
	X(TW_KN_ACL, "METH_CONNECT", "") \
	X(TW_KN_ACL, "METH_DELETE", "") \
	X(TW_KN_ACL, "METH_GET", "") \
	X(TW_KN_ACL, "METH_HEAD", "") \
	X(TW_KN_ACL, "METH_OPTIONS", "") \
	X(TW_KN_ACL, "METH_POST", "") \
	X(TW_KN_ACL, "METH_PUT", "") \
	X(TW_KN_ACL, "METH_TRACE", "") \
	X(TW_KN_ACL, "RDP_COOKIE", "") \
	X(TW_KN_ACL, "REQ_CONTENT", "") \
	X(TW_KN_LOGVAR, "ST", "") \
	X(TW_KN_LOGVAR, "T", "") \
	X(TW_KN_LOGVAR, "TR", "") \
	X(TW_KN_ACL, "TRUE", "") \
	X(TW_KN_LOGVAR, "Ta", "") \
	X(TW_KN_LOGVAR, "Tc", "") \
	X(TW_KN_LOGVAR, "Td", "") \
	X(TW_KN_LOGVAR, "Th", "") \
	X(TW_KN_LOGVAR, "Ti", "") \
	X(TW_KN_LOGVAR, "Tl", "") \
	X(TW_KN_LOGVAR, "Tq", "") \
	X(TW_KN_LOGVAR, "Tr", "") \
	X(TW_KN_LOGVAR, "Ts", "") \
	X(TW_KN_LOGVAR, "Tt", "") \
	X(TW_KN_LOGVAR, "Tu", "") \
	X(TW_KN_LOGVAR, "Tw", "") \
	X(TW_KN_LOGVAR, "U", "") \
	X(TW_KN_ACL, "WAIT_END", "") \
	X(TW_KN_LOGVAR, "ac", "") \
	X(TW_KN_BIND, "accept-netscaler-cip", "") \
	X(TW_KN_BIND, "accept-proxy", "") \
	X(TW_KN_FETCH, "accept_date", "") \
	X(TW_KN_RESOLVERS, "accepted_payload_size", "") \
	X(TW_KN_ACME, "account-key", "") \
	X(TW_KN_DFLB | TW_KN_FCGI_APP | TW_KN_FETCH, "acl", "") \
	X(TW_KN_SECTION, "acme", "") \
	X(TW_KN_ACME, "acme-vars", "") \
	X(TW_KN_GLOBAL, "acme.scheduler", "") \
	X(TW_KN_FETCH, "act_conn", "") \
	X(TW_KN_CONVERTER, "add", "") \
	X(TW_KN_CONVERTER, "add_item", "") \
	X(TW_KN_SERVER, "addr", "") \
	X(TW_KN_CONVERTER, "aes_cbc_dec", "") \
	X(TW_KN_CONVERTER, "aes_cbc_enc", "") \
	X(TW_KN_CONVERTER, "aes_gcm_dec", "") \
	X(TW_KN_CONVERTER, "aes_gcm_enc", "") \
	X(TW_KN_SERVER, "agent-addr", "") \
	X(TW_KN_SERVER, "agent-check", "") \
	X(TW_KN_SERVER, "agent-inter", "") \
	X(TW_KN_SERVER, "agent-port", "") \
	X(TW_KN_SERVER, "agent-send", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "allow-0rtt", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "alpn", "") \
	X(TW_KN_FETCH, "always_false", "") \
	X(TW_KN_FETCH, "always_true", "") \
	X(TW_KN_CONVERTER, "and", "") \
	X(TW_KN_GLOBAL, "anonkey", "") \
	X(TW_KN_FETCH, "avg_queue", "") \
	X(TW_KN_LOGVAR, "b", "") \
	X(TW_KN_CONVERTER, "b64dec", "") \
	X(TW_KN_SECTION, "backend", "") \
	X(TW_KN_RING, "backing-file", "") \
	X(TW_KN_DFL | TW_KN_LOG_FORWARD | TW_KN_BIND, "backlog", "") \
	X(TW_KN_SERVER, "backup", "") \
	X(TW_KN_DLB, "balance", "") \
	X(TW_KN_DLB, "balance", "first") \
	X(TW_KN_DLB, "balance", "hash") \
	X(TW_KN_DLB, "balance", "hdr") \
	X(TW_KN_DLB, "balance", "leastconn") \
	X(TW_KN_DLB, "balance", "log-hash") \
	X(TW_KN_DLB, "balance", "random") \
	X(TW_KN_DLB, "balance", "rdp-cookie") \
	X(TW_KN_DLB, "balance", "roundrobin") \
	X(TW_KN_DLB, "balance", "source") \
	X(TW_KN_DLB, "balance", "static-rr") \
	X(TW_KN_DLB, "balance", "sticky") \
	X(TW_KN_DLB, "balance", "uri") \
	X(TW_KN_DLB, "balance", "url_param") \
	X(TW_KN_FETCH, "base", "") \
	X(TW_KN_CONVERTER, "base2", "") \
	X(TW_KN_FETCH, "base32", "") \
	X(TW_KN_FETCH, "base32+src", "") \
	X(TW_KN_CONVERTER, "base64", "") \
	X(TW_KN_ACL, "base_beg", "") \
	X(TW_KN_ACL, "base_dir", "") \
	X(TW_KN_ACL, "base_dom", "") \
	X(TW_KN_ACL, "base_end", "") \
	X(TW_KN_ACL, "base_len", "") \
	X(TW_KN_ACL, "base_reg", "") \
	X(TW_KN_ACL, "base_sub", "") \
	X(TW_KN_FETCH, "baseq", "") \
	X(TW_KN_LOGVAR, "bc", "") \
	X(TW_KN_FETCH, "bc.timer.connect", "") \
	X(TW_KN_FETCH, "bc_be_queue", "") \
	X(TW_KN_FETCH, "bc_dst", "") \
	X(TW_KN_FETCH, "bc_dst_port", "") \
	X(TW_KN_FETCH, "bc_err", "") \
	X(TW_KN_FETCH, "bc_err_name", "") \
	X(TW_KN_FETCH, "bc_err_str", "") \
	X(TW_KN_FETCH, "bc_glitches", "") \
	X(TW_KN_FETCH, "bc_http_major", "") \
	X(TW_KN_FETCH, "bc_nb_streams", "") \
	X(TW_KN_FETCH, "bc_reused", "") \
	X(TW_KN_FETCH, "bc_rtt", "") \
	X(TW_KN_FETCH, "bc_rttvar", "") \
	X(TW_KN_FETCH, "bc_settings_streams_limit", "") \
	X(TW_KN_FETCH, "bc_src", "") \
	X(TW_KN_FETCH, "bc_src_port", "") \
	X(TW_KN_FETCH, "bc_srv_queue", "") \
	X(TW_KN_CONVERTER, "be2dec", "") \
	X(TW_KN_CONVERTER, "be2hex", "") \
	X(TW_KN_FETCH, "be_conn", "") \
	X(TW_KN_FETCH, "be_conn_free", "") \
	X(TW_KN_FETCH, "be_connect_timeout", "") \
	X(TW_KN_FETCH, "be_id", "") \
	X(TW_KN_FETCH, "be_name", "") \
	X(TW_KN_FETCH, "be_queue_timeout", "") \
	X(TW_KN_FETCH, "be_server_timeout", "") \
	X(TW_KN_FETCH, "be_sess_rate", "") \
	X(TW_KN_FETCH, "be_tarpit_timeout", "") \
	X(TW_KN_FETCH, "be_tunnel_timeout", "") \
	X(TW_KN_LOGVAR, "bi", "") \
	X(TW_KN_FETCH, "bin", "") \
	X(TW_KN_FL | TW_KN_PEERS | TW_KN_LOG_FORWARD, "bind", "") \
	X(TW_KN_ACME, "bits", "") \
	X(TW_KN_FETCH | TW_KN_CONVERTER, "bool", "") \
	X(TW_KN_LOGVAR, "bp", "") \
	X(TW_KN_LOGVAR, "bq", "") \
	X(TW_KN_FETCH, "bs.aborted", "") \
	X(TW_KN_FETCH, "bs.debug_str", "") \
	X(TW_KN_FETCH, "bs.id", "") \
	X(TW_KN_FETCH, "bs.rst_code", "") \
	X(TW_KN_GLOBAL, "busy-polling", "") \
	X(TW_KN_CONVERTER, "bytes", "") \
	X(TW_KN_FETCH, "bytes_in", "") \
	X(TW_KN_FETCH, "bytes_out", "") \
	X(TW_KN_GLOBAL, "ca-base", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "ca-file", "") \
	X(TW_KN_BIND, "ca-ignore-err", "") \
	X(TW_KN_BIND, "ca-sign-file", "") \
	X(TW_KN_BIND, "ca-sign-pass", "") \
	X(TW_KN_BIND, "ca-verify-file", "") \
	X(TW_KN_SECTION, "cache", "") \
	X(TW_KN_FL, "capture", "") \
	X(TW_KN_FL, "capture", "cookie") \
	X(TW_KN_FL, "capture", "request") \
	X(TW_KN_FL, "capture", "response") \
	X(TW_KN_FL, "capture request", "header") \
	X(TW_KN_FL, "capture response", "header") \
	X(TW_KN_CONVERTER, "capture-req", "") \
	X(TW_KN_CONVERTER, "capture-res", "") \
	X(TW_KN_FETCH, "capture.req.hdr", "") \
	X(TW_KN_FETCH, "capture.req.method", "") \
	X(TW_KN_FETCH, "capture.req.uri", "") \
	X(TW_KN_FETCH, "capture.req.ver", "") \
	X(TW_KN_FETCH, "capture.res.hdr", "") \
	X(TW_KN_FETCH, "capture.res.ver", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "cc", "") \
	X(TW_KN_ACME, "challenge", "") \
	X(TW_KN_ACME, "challenge-ready", "") \
	X(TW_KN_SERVER, "check", "") \
	X(TW_KN_SERVER, "check-alpn", "") \
	X(TW_KN_SERVER, "check-pool-conn-name", "") \
	X(TW_KN_SERVER, "check-proto", "") \
	X(TW_KN_SERVER, "check-reuse-pool", "") \
	X(TW_KN_SERVER, "check-send-proxy", "") \
	X(TW_KN_SERVER, "check-sni", "") \
	X(TW_KN_SERVER, "check-sni-auto", "") \
	X(TW_KN_SERVER, "check-ssl", "") \
	X(TW_KN_SERVER, "check-via-socks4", "") \
	X(TW_KN_GLOBAL, "chroot", "") \
	X(TW_KN_LOGVAR, "ci", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "ciphers", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "ciphersuites", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "client-sigalgs", "") \
	X(TW_KN_DFL, "clitcpka-cnt", "") \
	X(TW_KN_DFL, "clitcpka-idle", "") \
	X(TW_KN_DFL, "clitcpka-intvl", "") \
	X(TW_KN_GLOBAL, "close-spread-time", "") \
	X(TW_KN_GLOBAL, "cluster-secret", "") \
	X(TW_KN_DFLB, "compression", "") \
	X(TW_KN_DFLB, "compression", "algo") \
	X(TW_KN_DFLB, "compression", "algo-req") \
	X(TW_KN_DFLB, "compression", "algo-res") \
	X(TW_KN_DFLB, "compression", "direction") \
	X(TW_KN_DFLB, "compression", "minsize-req") \
	X(TW_KN_DFLB, "compression", "minsize-res") \
	X(TW_KN_DFLB, "compression", "offload") \
	X(TW_KN_DFLB, "compression", "type") \
	X(TW_KN_CONVERTER, "concat", "") \
	X(TW_KN_FETCH, "connslots", "") \
	X(TW_KN_ACME, "contact", "") \
	X(TW_KN_FETCH, "cook", "") \
	X(TW_KN_ACL, "cook_beg", "") \
	X(TW_KN_FETCH, "cook_cnt", "") \
	X(TW_KN_ACL, "cook_dir", "") \
	X(TW_KN_ACL, "cook_dom", "") \
	X(TW_KN_ACL, "cook_end", "") \
	X(TW_KN_ACL, "cook_len", "") \
	X(TW_KN_ACL, "cook_reg", "") \
	X(TW_KN_ACL, "cook_sub", "") \
	X(TW_KN_FETCH, "cook_val", "") \
	X(TW_KN_DLB | TW_KN_SERVER | TW_KN_FETCH, "cookie", "") \
	X(TW_KN_DLB, "cookie", "attr") \
	X(TW_KN_DLB, "cookie", "domain") \
	X(TW_KN_DLB, "cookie", "dynamic") \
	X(TW_KN_DLB, "cookie", "httponly") \
	X(TW_KN_DLB, "cookie", "indirect") \
	X(TW_KN_DLB, "cookie", "insert") \
	X(TW_KN_DLB, "cookie", "maxidle") \
	X(TW_KN_DLB, "cookie", "maxlife") \
	X(TW_KN_DLB, "cookie", "nocache") \
	X(TW_KN_DLB, "cookie", "postonly") \
	X(TW_KN_DLB, "cookie", "prefix") \
	X(TW_KN_DLB, "cookie", "preserve") \
	X(TW_KN_DLB, "cookie", "rewrite") \
	X(TW_KN_DLB, "cookie", "secure") \
	X(TW_KN_LOGVAR, "cp", "") \
	X(TW_KN_CONVERTER, "cpl", "") \
	X(TW_KN_GLOBAL, "cpu-affinity", "") \
	X(TW_KN_GLOBAL, "cpu-map", "") \
	X(TW_KN_GLOBAL, "cpu-policy", "") \
	X(TW_KN_GLOBAL, "cpu-set", "") \
	X(TW_KN_FETCH, "cpu_calls", "") \
	X(TW_KN_FETCH, "cpu_ns_avg", "") \
	X(TW_KN_FETCH, "cpu_ns_tot", "") \
	X(TW_KN_FETCH, "cpu_usage_grp", "") \
	X(TW_KN_FETCH, "cpu_usage_proc", "") \
	X(TW_KN_FETCH, "cpu_usage_thr", "") \
	X(TW_KN_CONVERTER, "crc32", "") \
	X(TW_KN_CONVERTER, "crc32c", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "crl-file", "") \
	X(TW_KN_FL | TW_KN_BIND | TW_KN_SERVER, "crt", "") \
	X(TW_KN_GLOBAL | TW_KN_CRT_STORE, "crt-base", "") \
	X(TW_KN_BIND, "crt-ignore-err", "") \
	X(TW_KN_BIND, "crt-list", "") \
	X(TW_KN_SECTION, "crt-store", "") \
	X(TW_KN_FETCH, "cur_client_timeout", "") \
	X(TW_KN_FETCH, "cur_connect_timeout", "") \
	X(TW_KN_FETCH, "cur_queue_timeout", "") \
	X(TW_KN_FETCH, "cur_server_timeout", "") \
	X(TW_KN_FETCH, "cur_tarpit_timeout", "") \
	X(TW_KN_FETCH, "cur_tunnel_timeout", "") \
	X(TW_KN_ACME | TW_KN_BIND | TW_KN_SERVER, "curves", "") \
	X(TW_KN_CONVERTER, "cut_crlf", "") \
	X(TW_KN_CONVERTER, "da-csv-conv", "") \
	X(TW_KN_GLOBAL, "daemon", "") \
	X(TW_KN_FETCH, "date", "") \
	X(TW_KN_FETCH, "date_us", "") \
	X(TW_KN_CONVERTER, "debug", "") \
	X(TW_KN_GLOBAL, "debug.counters", "") \
	X(TW_KN_FL, "declare", "") \
	X(TW_KN_FL, "declare", "capture") \
	X(TW_KN_FL, "declare capture", "request") \
	X(TW_KN_FL, "declare capture", "response") \
	X(TW_KN_PEERS, "default-bind", "") \
	X(TW_KN_BIND, "default-crt", "") \
	X(TW_KN_GLOBAL, "default-path", "") \
	X(TW_KN_DLB | TW_KN_PEERS, "default-server", "") \
	X(TW_KN_DFL, "default_backend", "") \
	X(TW_KN_SECTION, "defaults", "") \
	X(TW_KN_BIND, "defer-accept", "") \
	X(TW_KN_GLOBAL | TW_KN_FLB | TW_KN_RING, "description", "") \
	X(TW_KN_GLOBAL, "deviceatlas-json-file", "") \
	X(TW_KN_GLOBAL, "deviceatlas-log-level", "") \
	X(TW_KN_GLOBAL, "deviceatlas-properties-cookie", "") \
	X(TW_KN_GLOBAL, "deviceatlas-separator", "") \
	X(TW_KN_LOG_FORWARD, "dgram-bind", "") \
	X(TW_KN_CONVERTER, "digest", "") \
	X(TW_KN_ACME, "directory", "") \
	X(TW_KN_DFLB | TW_KN_PEERS | TW_KN_SERVER, "disabled", "") \
	X(TW_KN_LB, "dispatch", "") \
	X(TW_KN_FETCH, "distcc_body", "") \
	X(TW_KN_FETCH, "distcc_param", "") \
	X(TW_KN_CONVERTER, "div", "") \
	X(TW_KN_CONVERTER, "djb2", "") \
	X(TW_KN_GLOBAL, "dns-accept-family", "") \
	X(TW_KN_ACME, "dns-delay", "") \
	X(TW_KN_ACME, "dns-timeout", "") \
	X(TW_KN_FCGI_APP, "docroot", "") \
	X(TW_KN_SERVER, "downinter", "") \
	X(TW_KN_FETCH, "dst", "") \
	X(TW_KN_FETCH, "dst_conn", "") \
	X(TW_KN_FETCH, "dst_is_local", "") \
	X(TW_KN_FETCH, "dst_port", "") \
	X(TW_KN_FETCH, "dump_all_vars", "") \
	X(TW_KN_DLB, "dynamic-cookie-key", "") \
	X(TW_KN_ACME, "eab-key-id", "") \
	X(TW_KN_ACME, "eab-mac-alg", "") \
	X(TW_KN_ACME, "eab-mac-key", "") \
	X(TW_KN_BIND, "ecdhe", "") \
	X(TW_KN_BIND, "ech", "") \
	X(TW_KN_DFLB, "email-alert", "") \
	X(TW_KN_DFLB, "email-alert", "from") \
	X(TW_KN_DFLB, "email-alert", "level") \
	X(TW_KN_DFLB, "email-alert", "mailers") \
	X(TW_KN_DFLB, "email-alert", "myhostname") \
	X(TW_KN_DFLB, "email-alert", "to") \
	X(TW_KN_DFLB | TW_KN_PEERS | TW_KN_SERVER, "enabled", "") \
	X(TW_KN_FETCH, "env", "") \
	X(TW_KN_SERVER, "error-limit", "") \
	X(TW_KN_DFL, "error-log-format", "") \
	X(TW_KN_DFLB | TW_KN_HTTP_ERRORS, "errorfile", "") \
	X(TW_KN_DFLB, "errorfiles", "") \
	X(TW_KN_DFLB, "errorloc", "") \
	X(TW_KN_DFLB, "errorloc302", "") \
	X(TW_KN_DFLB, "errorloc303", "") \
	X(TW_KN_CONVERTER, "eth.data", "") \
	X(TW_KN_CONVERTER, "eth.dst", "") \
	X(TW_KN_CONVERTER, "eth.hdr", "") \
	X(TW_KN_CONVERTER, "eth.proto", "") \
	X(TW_KN_CONVERTER, "eth.src", "") \
	X(TW_KN_CONVERTER, "eth.vlan", "") \
	X(TW_KN_CONVERTER, "even", "") \
	X(TW_KN_GLOBAL, "expose-deprecated-directives", "") \
	X(TW_KN_GLOBAL, "expose-experimental-directives", "") \
	X(TW_KN_BIND, "expose-fd", "") \
	X(TW_KN_GLOBAL | TW_KN_DLB, "external-check", "") \
	X(TW_KN_DLB, "external-check", "command") \
	X(TW_KN_DLB, "external-check", "path") \
	X(TW_KN_LOGVAR, "f", "") \
	X(TW_KN_SERVER, "fall", "") \
	X(TW_KN_SERVER, "fastinter", "") \
	X(TW_KN_LOGVAR, "fc", "") \
	X(TW_KN_FETCH, "fc.timer.handshake", "") \
	X(TW_KN_FETCH, "fc.timer.total", "") \
	X(TW_KN_FETCH, "fc_dst", "") \
	X(TW_KN_FETCH, "fc_dst_is_local", "") \
	X(TW_KN_FETCH, "fc_dst_port", "") \
	X(TW_KN_FETCH, "fc_err", "") \
	X(TW_KN_FETCH, "fc_err_name", "") \
	X(TW_KN_FETCH, "fc_err_str", "") \
	X(TW_KN_FETCH, "fc_fackets", "") \
	X(TW_KN_FETCH, "fc_glitches", "") \
	X(TW_KN_FETCH, "fc_http_major", "") \
	X(TW_KN_FETCH, "fc_lost", "") \
	X(TW_KN_FETCH, "fc_nb_streams", "") \
	X(TW_KN_FETCH, "fc_pp_authority", "") \
	X(TW_KN_FETCH, "fc_pp_tlv", "") \
	X(TW_KN_FETCH, "fc_pp_unique_id", "") \
	X(TW_KN_FETCH, "fc_rcvd_proxy", "") \
	X(TW_KN_FETCH, "fc_reordering", "") \
	X(TW_KN_FETCH, "fc_retrans", "") \
	X(TW_KN_FETCH, "fc_rtt", "") \
	X(TW_KN_FETCH, "fc_rttvar", "") \
	X(TW_KN_FETCH, "fc_sacked", "") \
	X(TW_KN_FETCH, "fc_saved_syn", "") \
	X(TW_KN_FETCH, "fc_settings_streams_limit", "") \
	X(TW_KN_FETCH, "fc_src", "") \
	X(TW_KN_FETCH, "fc_src_is_local", "") \
	X(TW_KN_FETCH, "fc_src_port", "") \
	X(TW_KN_FETCH, "fc_unacked", "") \
	X(TW_KN_SECTION, "fcgi-app", "") \
	X(TW_KN_FETCH, "fcgi.docroot", "") \
	X(TW_KN_FETCH, "fcgi.index", "") \
	X(TW_KN_GLOBAL, "fd-hard-limit", "") \
	X(TW_KN_FETCH, "fe_client_timeout", "") \
	X(TW_KN_FETCH, "fe_conn", "") \
	X(TW_KN_FETCH, "fe_defbe", "") \
	X(TW_KN_FETCH, "fe_exists", "") \
	X(TW_KN_FETCH, "fe_id", "") \
	X(TW_KN_FETCH, "fe_name", "") \
	X(TW_KN_FETCH, "fe_req_rate", "") \
	X(TW_KN_FETCH, "fe_sess_rate", "") \
	X(TW_KN_FETCH, "fe_tarpit_timeout", "") \
	X(TW_KN_LOGVAR, "fi", "") \
	X(TW_KN_CONVERTER, "field", "") \
	X(TW_KN_FLB, "filter", "") \
	X(TW_KN_FLB, "filter", "bwlim-in") \
	X(TW_KN_FLB, "filter", "bwlim-out") \
	X(TW_KN_FLB, "filter", "cache") \
	X(TW_KN_FLB, "filter", "comp-req") \
	X(TW_KN_FLB, "filter", "comp-res") \
	X(TW_KN_FLB, "filter", "compression") \
	X(TW_KN_FLB, "filter", "fcgi-app") \
	X(TW_KN_FLB, "filter", "opentracing") \
	X(TW_KN_FLB, "filter", "spoe") \
	X(TW_KN_FLB, "filter", "trace") \
	X(TW_KN_FLB, "filter-sequence", "") \
	X(TW_KN_CONVERTER, "fix_is_valid", "") \
	X(TW_KN_CONVERTER, "fix_tag_value", "") \
	X(TW_KN_FL, "force-be-switch", "") \
	X(TW_KN_GLOBAL, "force-cfg-parser-pause", "") \
	X(TW_KN_LB, "force-persist", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "force-sslv3", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "force-tlsv10", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "force-tlsv11", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "force-tlsv12", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "force-tlsv13", "") \
	X(TW_KN_RING, "format", "") \
	X(TW_KN_LOGVAR, "fp", "") \
	X(TW_KN_SECTION, "frontend", "") \
	X(TW_KN_FETCH, "fs.aborted", "") \
	X(TW_KN_FETCH, "fs.debug_str", "") \
	X(TW_KN_FETCH, "fs.id", "") \
	X(TW_KN_FETCH, "fs.rst_code", "") \
	X(TW_KN_LOGVAR, "ft", "") \
	X(TW_KN_DLB, "fullconn", "") \
	X(TW_KN_BIND, "generate-certificates", "") \
	X(TW_KN_GLOBAL | TW_KN_BIND, "gid", "") \
	X(TW_KN_SECTION, "global", "") \
	X(TW_KN_GLOBAL, "grace", "") \
	X(TW_KN_GLOBAL | TW_KN_USERLIST | TW_KN_BIND, "group", "") \
	X(TW_KN_FLB | TW_KN_SERVER, "guid", "") \
	X(TW_KN_BIND, "guid-prefix", "") \
	X(TW_KN_GLOBAL, "h1-accept-payload-with-any-method", "") \
	X(TW_KN_GLOBAL, "h1-case-adjust", "") \
	X(TW_KN_GLOBAL, "h1-case-adjust-file", "") \
	X(TW_KN_GLOBAL, "h1-do-not-close-on-insecure-transfer-encoding", "") \
	X(TW_KN_GLOBAL, "h2-workaround-bogus-websocket-clients", "") \
	X(TW_KN_GLOBAL, "hard-stop-after", "") \
	X(TW_KN_GLOBAL, "harden.reject-privileged-ports.quic", "") \
	X(TW_KN_GLOBAL, "harden.reject-privileged-ports.tcp", "") \
	X(TW_KN_DLB, "hash-balance-factor", "") \
	X(TW_KN_SERVER, "hash-key", "") \
	X(TW_KN_DLB, "hash-preserve-affinity", "") \
	X(TW_KN_DLB, "hash-type", "") \
	X(TW_KN_DLB, "hash-type", "avalanche") \
	X(TW_KN_DLB, "hash-type", "consistent") \
	X(TW_KN_DLB, "hash-type", "crc32") \
	X(TW_KN_DLB, "hash-type", "djb2") \
	X(TW_KN_DLB, "hash-type", "map-based") \
	X(TW_KN_DLB, "hash-type", "none") \
	X(TW_KN_DLB, "hash-type", "sdbm") \
	X(TW_KN_DLB, "hash-type", "wt6") \
	X(TW_KN_FETCH, "hdr", "") \
	X(TW_KN_ACL, "hdr_beg", "") \
	X(TW_KN_FETCH, "hdr_cnt", "") \
	X(TW_KN_ACL, "hdr_dir", "") \
	X(TW_KN_ACL, "hdr_dom", "") \
	X(TW_KN_ACL, "hdr_end", "") \
	X(TW_KN_FETCH, "hdr_ip", "") \
	X(TW_KN_ACL, "hdr_len", "") \
	X(TW_KN_ACL, "hdr_reg", "") \
	X(TW_KN_ACL, "hdr_sub", "") \
	X(TW_KN_FETCH, "hdr_val", "") \
	X(TW_KN_SECTION | TW_KN_SERVER, "healthcheck", "") \
	X(TW_KN_CONVERTER, "hex", "") \
	X(TW_KN_CONVERTER, "hex2i", "") \
	X(TW_KN_CONVERTER, "hmac", "") \
	X(TW_KN_RESOLVERS, "hold", "") \
	X(TW_KN_RESOLVERS, "hold", "nx") \
	X(TW_KN_RESOLVERS, "hold", "obsolete") \
	X(TW_KN_RESOLVERS, "hold", "other") \
	X(TW_KN_RESOLVERS, "hold", "refused") \
	X(TW_KN_RESOLVERS, "hold", "timeout") \
	X(TW_KN_RESOLVERS, "hold", "valid") \
	X(TW_KN_CONVERTER, "host_only", "") \
	X(TW_KN_FETCH, "hostname", "") \
	X(TW_KN_LOGVAR, "hr", "") \
	X(TW_KN_LOGVAR, "hrl", "") \
	X(TW_KN_LOGVAR, "hs", "") \
	X(TW_KN_LOGVAR, "hsl", "") \
	X(TW_KN_CONVERTER, "htonl", "") \
	X(TW_KN_DFLB, "http-after-response", "") \
	X(TW_KN_DFLB, "http-after-response", "add-header") \
	X(TW_KN_DFLB, "http-after-response", "add-headers-bin") \
	X(TW_KN_DFLB, "http-after-response", "allow") \
	X(TW_KN_DFLB, "http-after-response", "capture") \
	X(TW_KN_DFLB, "http-after-response", "del-header") \
	X(TW_KN_DFLB, "http-after-response", "del-headers-bin") \
	X(TW_KN_DFLB, "http-after-response", "del-map") \
	X(TW_KN_DFLB, "http-after-response", "do-log") \
	X(TW_KN_DFLB, "http-after-response", "ot-group") \
	X(TW_KN_DFLB, "http-after-response", "replace-header") \
	X(TW_KN_DFLB, "http-after-response", "replace-value") \
	X(TW_KN_DFLB, "http-after-response", "sc-add-gpc") \
	X(TW_KN_DFLB, "http-after-response", "sc-inc-gpc") \
	X(TW_KN_DFLB, "http-after-response", "sc-inc-gpc0") \
	X(TW_KN_DFLB, "http-after-response", "sc-inc-gpc1") \
	X(TW_KN_DFLB, "http-after-response", "sc-set-gpt") \
	X(TW_KN_DFLB, "http-after-response", "sc-set-gpt0") \
	X(TW_KN_DFLB, "http-after-response", "set-header") \
	X(TW_KN_DFLB, "http-after-response", "set-headers-bin") \
	X(TW_KN_DFLB, "http-after-response", "set-log-level") \
	X(TW_KN_DFLB, "http-after-response", "set-map") \
	X(TW_KN_DFLB, "http-after-response", "set-status") \
	X(TW_KN_DFLB, "http-after-response", "set-var") \
	X(TW_KN_DFLB, "http-after-response", "set-var-fmt") \
	X(TW_KN_DFLB, "http-after-response", "strict-mode") \
	X(TW_KN_DFLB, "http-after-response", "unset-var") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "http-check", "") \
	X(TW_KN_DLB, "http-check", "comment") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "http-check", "connect") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "http-check", "disable-on-404") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "http-check", "expect") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "http-check", "send") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "http-check", "send-state") \
	X(TW_KN_DLB, "http-check", "set-var") \
	X(TW_KN_DLB, "http-check", "set-var-fmt") \
	X(TW_KN_DLB, "http-check", "unset-var") \
	X(TW_KN_GLOBAL, "http-err-codes", "") \
	X(TW_KN_DFLB, "http-error", "") \
	X(TW_KN_DFLB, "http-error", "status") \
	X(TW_KN_SECTION, "http-errors", "") \
	X(TW_KN_GLOBAL, "http-fail-codes", "") \
	X(TW_KN_DFLB, "http-request", "") \
	X(TW_KN_DFLB, "http-request", "add-acl") \
	X(TW_KN_DFLB, "http-request", "add-header") \
	X(TW_KN_DFLB, "http-request", "add-headers-bin") \
	X(TW_KN_DFLB, "http-request", "allow") \
	X(TW_KN_DFLB, "http-request", "auth") \
	X(TW_KN_DFLB, "http-request", "cache-use") \
	X(TW_KN_DFLB, "http-request", "capture") \
	X(TW_KN_DFLB, "http-request", "del-acl") \
	X(TW_KN_DFLB, "http-request", "del-header") \
	X(TW_KN_DFLB, "http-request", "del-headers-bin") \
	X(TW_KN_DFLB, "http-request", "del-map") \
	X(TW_KN_DFLB, "http-request", "deny") \
	X(TW_KN_DFLB, "http-request", "disable-l7-retry") \
	X(TW_KN_DFLB, "http-request", "do-log") \
	X(TW_KN_DFLB, "http-request", "do-resolve") \
	X(TW_KN_DFLB, "http-request", "early-hint") \
	X(TW_KN_DFLB, "http-request", "normalize-uri") \
	X(TW_KN_DFLB, "http-request", "ot-group") \
	X(TW_KN_DFLB, "http-request", "pause") \
	X(TW_KN_DFLB, "http-request", "redirect") \
	X(TW_KN_DFLB, "http-request", "reject") \
	X(TW_KN_DFLB, "http-request", "replace-header") \
	X(TW_KN_DFLB, "http-request", "replace-path") \
	X(TW_KN_DFLB, "http-request", "replace-pathq") \
	X(TW_KN_DFLB, "http-request", "replace-uri") \
	X(TW_KN_DFLB, "http-request", "replace-value") \
	X(TW_KN_DFLB, "http-request", "return") \
	X(TW_KN_DFLB, "http-request", "sc-add-gpc") \
	X(TW_KN_DFLB, "http-request", "sc-inc-gpc") \
	X(TW_KN_DFLB, "http-request", "sc-inc-gpc0") \
	X(TW_KN_DFLB, "http-request", "sc-inc-gpc1") \
	X(TW_KN_DFLB, "http-request", "sc-set-gpt") \
	X(TW_KN_DFLB, "http-request", "sc-set-gpt0") \
	X(TW_KN_DFLB, "http-request", "send-spoe-group") \
	X(TW_KN_DFLB, "http-request", "set-bandwidth-limit") \
	X(TW_KN_DFLB, "http-request", "set-bc-mark") \
	X(TW_KN_DFLB, "http-request", "set-bc-tos") \
	X(TW_KN_DFLB, "http-request", "set-dst") \
	X(TW_KN_DFLB, "http-request", "set-dst-port") \
	X(TW_KN_DFLB, "http-request", "set-fc-mark") \
	X(TW_KN_DFLB, "http-request", "set-fc-tos") \
	X(TW_KN_DFLB, "http-request", "set-header") \
	X(TW_KN_DFLB, "http-request", "set-headers-bin") \
	X(TW_KN_DFLB, "http-request", "set-log-level") \
	X(TW_KN_DFLB, "http-request", "set-map") \
	X(TW_KN_DFLB, "http-request", "set-mark") \
	X(TW_KN_DFLB, "http-request", "set-method") \
	X(TW_KN_DFLB, "http-request", "set-nice") \
	X(TW_KN_DFLB, "http-request", "set-path") \
	X(TW_KN_DFLB, "http-request", "set-pathq") \
	X(TW_KN_DFLB, "http-request", "set-priority-class") \
	X(TW_KN_DFLB, "http-request", "set-priority-offset") \
	X(TW_KN_DFLB, "http-request", "set-query") \
	X(TW_KN_DFLB, "http-request", "set-retries") \
	X(TW_KN_DFLB, "http-request", "set-src") \
	X(TW_KN_DFLB, "http-request", "set-src-port") \
	X(TW_KN_DFLB, "http-request", "set-timeout") \
	X(TW_KN_DFLB, "http-request", "set-tos") \
	X(TW_KN_DFLB, "http-request", "set-uri") \
	X(TW_KN_DFLB, "http-request", "set-var") \
	X(TW_KN_DFLB, "http-request", "set-var-fmt") \
	X(TW_KN_DFLB, "http-request", "silent-drop") \
	X(TW_KN_DFLB, "http-request", "strict-mode") \
	X(TW_KN_DFLB, "http-request", "tarpit") \
	X(TW_KN_DFLB, "http-request", "track-sc0") \
	X(TW_KN_DFLB, "http-request", "track-sc1") \
	X(TW_KN_DFLB, "http-request", "track-sc2") \
	X(TW_KN_DFLB, "http-request", "unset-var") \
	X(TW_KN_DFLB, "http-request", "use-service") \
	X(TW_KN_DFLB, "http-request", "wait-for-body") \
	X(TW_KN_DFLB, "http-request", "wait-for-handshake") \
	X(TW_KN_DFLB, "http-response", "") \
	X(TW_KN_DFLB, "http-response", "add-acl") \
	X(TW_KN_DFLB, "http-response", "add-header") \
	X(TW_KN_DFLB, "http-response", "add-headers-bin") \
	X(TW_KN_DFLB, "http-response", "allow") \
	X(TW_KN_DFLB, "http-response", "cache-store") \
	X(TW_KN_DFLB, "http-response", "capture") \
	X(TW_KN_DFLB, "http-response", "del-acl") \
	X(TW_KN_DFLB, "http-response", "del-header") \
	X(TW_KN_DFLB, "http-response", "del-headers-bin") \
	X(TW_KN_DFLB, "http-response", "del-map") \
	X(TW_KN_DFLB, "http-response", "deny") \
	X(TW_KN_DFLB, "http-response", "do-log") \
	X(TW_KN_DFLB, "http-response", "ot-group") \
	X(TW_KN_DFLB, "http-response", "pause") \
	X(TW_KN_DFLB, "http-response", "redirect") \
	X(TW_KN_DFLB, "http-response", "replace-header") \
	X(TW_KN_DFLB, "http-response", "replace-value") \
	X(TW_KN_DFLB, "http-response", "return") \
	X(TW_KN_DFLB, "http-response", "sc-add-gpc") \
	X(TW_KN_DFLB, "http-response", "sc-inc-gpc") \
	X(TW_KN_DFLB, "http-response", "sc-inc-gpc0") \
	X(TW_KN_DFLB, "http-response", "sc-inc-gpc1") \
	X(TW_KN_DFLB, "http-response", "sc-set-gpt") \
	X(TW_KN_DFLB, "http-response", "sc-set-gpt0") \
	X(TW_KN_DFLB, "http-response", "send-spoe-group") \
	X(TW_KN_DFLB, "http-response", "set-bandwidth-limit") \
	X(TW_KN_DFLB, "http-response", "set-fc-mark") \
	X(TW_KN_DFLB, "http-response", "set-fc-tos") \
	X(TW_KN_DFLB, "http-response", "set-header") \
	X(TW_KN_DFLB, "http-response", "set-headers-bin") \
	X(TW_KN_DFLB, "http-response", "set-log-level") \
	X(TW_KN_DFLB, "http-response", "set-map") \
	X(TW_KN_DFLB, "http-response", "set-mark") \
	X(TW_KN_DFLB, "http-response", "set-nice") \
	X(TW_KN_DFLB, "http-response", "set-status") \
	X(TW_KN_DFLB, "http-response", "set-timeout") \
	X(TW_KN_DFLB, "http-response", "set-tos") \
	X(TW_KN_DFLB, "http-response", "set-var") \
	X(TW_KN_DFLB, "http-response", "set-var-fmt") \
	X(TW_KN_DFLB, "http-response", "silent-drop") \
	X(TW_KN_DFLB, "http-response", "strict-mode") \
	X(TW_KN_DFLB, "http-response", "track-sc0") \
	X(TW_KN_DFLB, "http-response", "track-sc1") \
	X(TW_KN_DFLB, "http-response", "track-sc2") \
	X(TW_KN_DFLB, "http-response", "unset-var") \
	X(TW_KN_DFLB, "http-response", "wait-for-body") \
	X(TW_KN_DLB, "http-reuse", "") \
	X(TW_KN_DLB, "http-reuse", "aggressive") \
	X(TW_KN_DLB, "http-reuse", "always") \
	X(TW_KN_DLB, "http-reuse", "never") \
	X(TW_KN_DLB, "http-reuse", "safe") \
	X(TW_KN_DLB, "http-send-name-header", "") \
	X(TW_KN_FETCH, "http_auth", "") \
	X(TW_KN_FETCH, "http_auth_bearer", "") \
	X(TW_KN_FETCH, "http_auth_group", "") \
	X(TW_KN_FETCH, "http_auth_pass", "") \
	X(TW_KN_FETCH, "http_auth_type", "") \
	X(TW_KN_FETCH, "http_auth_user", "") \
	X(TW_KN_CONVERTER, "http_date", "") \
	X(TW_KN_FETCH, "http_first_req", "") \
	X(TW_KN_GLOBAL, "httpclient.resolvers.disabled", "") \
	X(TW_KN_GLOBAL, "httpclient.resolvers.id", "") \
	X(TW_KN_GLOBAL, "httpclient.resolvers.prefer", "") \
	X(TW_KN_GLOBAL, "httpclient.retries", "") \
	X(TW_KN_GLOBAL, "httpclient.ssl.ca-file", "") \
	X(TW_KN_GLOBAL, "httpclient.ssl.verify", "") \
	X(TW_KN_GLOBAL, "httpclient.timeout.connect", "") \
	X(TW_KN_FLB | TW_KN_BIND | TW_KN_SERVER, "id", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "idle-ping", "") \
	X(TW_KN_LB, "ignore-persist", "") \
	X(TW_KN_CONVERTER, "iif", "") \
	X(TW_KN_CONVERTER, "in_table", "") \
	X(TW_KN_FCGI_APP, "index", "") \
	X(TW_KN_SERVER, "init-addr", "") \
	X(TW_KN_SERVER, "init-state", "") \
	X(TW_KN_GLOBAL, "insecure-fork-wanted", "") \
	X(TW_KN_GLOBAL, "insecure-setuid-wanted", "") \
	X(TW_KN_FETCH, "int", "") \
	X(TW_KN_SERVER, "inter", "") \
	X(TW_KN_BIND, "interface", "") \
	X(TW_KN_FETCH, "internal.htx.data", "") \
	X(TW_KN_FETCH, "internal.htx.free", "") \
	X(TW_KN_FETCH, "internal.htx.free_data", "") \
	X(TW_KN_FETCH, "internal.htx.has_eom", "") \
	X(TW_KN_FETCH, "internal.htx.nbblks", "") \
	X(TW_KN_FETCH, "internal.htx.size", "") \
	X(TW_KN_FETCH, "internal.htx.used", "") \
	X(TW_KN_FETCH, "internal.htx_blk.data", "") \
	X(TW_KN_FETCH, "internal.htx_blk.hdrname", "") \
	X(TW_KN_FETCH, "internal.htx_blk.hdrval", "") \
	X(TW_KN_FETCH, "internal.htx_blk.size", "") \
	X(TW_KN_FETCH, "internal.htx_blk.start_line", "") \
	X(TW_KN_FETCH, "internal.htx_blk.type", "") \
	X(TW_KN_FETCH, "internal.strm.is_htx", "") \
	X(TW_KN_CONVERTER, "ip.data", "") \
	X(TW_KN_CONVERTER, "ip.df", "") \
	X(TW_KN_CONVERTER, "ip.dst", "") \
	X(TW_KN_CONVERTER, "ip.fp", "") \
	X(TW_KN_CONVERTER, "ip.hdr", "") \
	X(TW_KN_CONVERTER, "ip.proto", "") \
	X(TW_KN_CONVERTER, "ip.src", "") \
	X(TW_KN_CONVERTER, "ip.tos", "") \
	X(TW_KN_CONVERTER, "ip.ttl", "") \
	X(TW_KN_CONVERTER, "ip.ver", "") \
	X(TW_KN_CONVERTER, "ipmask", "") \
	X(TW_KN_FETCH, "ipv4", "") \
	X(TW_KN_FETCH, "ipv6", "") \
	X(TW_KN_GLOBAL, "issuers-chain-path", "") \
	X(TW_KN_CONVERTER, "json", "") \
	X(TW_KN_CONVERTER, "json_query", "") \
	X(TW_KN_FETCH, "jwt.decrypt_alg_list", "") \
	X(TW_KN_FETCH, "jwt.decrypt_enc_list", "") \
	X(TW_KN_CONVERTER, "jwt_decrypt_cert", "") \
	X(TW_KN_CONVERTER, "jwt_decrypt_jwk", "") \
	X(TW_KN_CONVERTER, "jwt_decrypt_secret", "") \
	X(TW_KN_CONVERTER, "jwt_header_query", "") \
	X(TW_KN_CONVERTER, "jwt_payload_query", "") \
	X(TW_KN_CONVERTER, "jwt_verify", "") \
	X(TW_KN_CONVERTER, "jwt_verify_cert", "") \
	X(TW_KN_GLOBAL | TW_KN_CRT_STORE, "key-base", "") \
	X(TW_KN_ACME, "keytype", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "ktls", "") \
	X(TW_KN_BIND, "label", "") \
	X(TW_KN_CONVERTER, "language", "") \
	X(TW_KN_FETCH, "last_entity", "") \
	X(TW_KN_FETCH, "last_rule_file", "") \
	X(TW_KN_FETCH, "last_rule_line", "") \
	X(TW_KN_FETCH, "lat_ns_avg", "") \
	X(TW_KN_FETCH, "lat_ns_tot", "") \
	X(TW_KN_LOGVAR, "lc", "") \
	X(TW_KN_CONVERTER, "le2dec", "") \
	X(TW_KN_CONVERTER, "length", "") \
	X(TW_KN_BIND, "level", "") \
	X(TW_KN_GLOBAL, "limited-quic", "") \
	X(TW_KN_SECTION, "listen", "") \
	X(TW_KN_CRT_STORE, "load", "") \
	X(TW_KN_CRT_STORE, "load", "acme") \
	X(TW_KN_CRT_STORE, "load", "alias") \
	X(TW_KN_CRT_STORE, "load", "bits") \
	X(TW_KN_CRT_STORE, "load", "crt") \
	X(TW_KN_CRT_STORE, "load", "curves") \
	X(TW_KN_CRT_STORE, "load", "domains") \
	X(TW_KN_CRT_STORE, "load", "generate-dummy") \
	X(TW_KN_CRT_STORE, "load", "ips") \
	X(TW_KN_CRT_STORE, "load", "issuer") \
	X(TW_KN_CRT_STORE, "load", "jwt") \
	X(TW_KN_CRT_STORE, "load", "key") \
	X(TW_KN_CRT_STORE, "load", "keytype") \
	X(TW_KN_CRT_STORE, "load", "ocsp") \
	X(TW_KN_CRT_STORE, "load", "ocsp-update") \
	X(TW_KN_CRT_STORE, "load", "sctl") \
	X(TW_KN_DLB, "load-server-state-from-file", "") \
	X(TW_KN_GLOBAL, "localpeer", "") \
	X(TW_KN_GLOBAL | TW_KN_DFLB | TW_KN_PEERS | TW_KN_LOG_FORWARD, "log", "") \
	X(TW_KN_DFLB | TW_KN_LOG_FORWARD, "log", "global") \
	X(TW_KN_SERVER, "log-bufsize", "") \
	X(TW_KN_DFL, "log-format", "") \
	X(TW_KN_DFL, "log-format-sd", "") \
	X(TW_KN_SECTION, "log-forward", "") \
	X(TW_KN_SECTION, "log-profile", "") \
	X(TW_KN_SERVER, "log-proto", "") \
	X(TW_KN_GLOBAL, "log-send-hostname", "") \
	X(TW_KN_FCGI_APP, "log-stderr", "") \
	X(TW_KN_FCGI_APP, "log-stderr", "global") \
	X(TW_KN_DFL, "log-steps", "") \
	X(TW_KN_GLOBAL | TW_KN_DFLB | TW_KN_LOG_PROFILE, "log-tag", "") \
	X(TW_KN_CONVERTER, "lower", "") \
	X(TW_KN_CONVERTER, "ltime", "") \
	X(TW_KN_CONVERTER, "ltrim", "") \
	X(TW_KN_GLOBAL, "lua-load", "") \
	X(TW_KN_GLOBAL, "lua-load-per-thread", "") \
	X(TW_KN_GLOBAL, "lua-prepend-path", "") \
	X(TW_KN_MAILERS, "mailer", "") \
	X(TW_KN_SECTION, "mailers", "") \
	X(TW_KN_ACME | TW_KN_CONVERTER, "map", "") \
	X(TW_KN_CONVERTER, "map_beg", "") \
	X(TW_KN_CONVERTER, "map_beg_int", "") \
	X(TW_KN_CONVERTER, "map_beg_ip", "") \
	X(TW_KN_CONVERTER, "map_dir", "") \
	X(TW_KN_CONVERTER, "map_dir_int", "") \
	X(TW_KN_CONVERTER, "map_dir_ip", "") \
	X(TW_KN_CONVERTER, "map_dom", "") \
	X(TW_KN_CONVERTER, "map_dom_int", "") \
	X(TW_KN_CONVERTER, "map_dom_ip", "") \
	X(TW_KN_CONVERTER, "map_end", "") \
	X(TW_KN_CONVERTER, "map_end_int", "") \
	X(TW_KN_CONVERTER, "map_end_ip", "") \
	X(TW_KN_CONVERTER, "map_int", "") \
	X(TW_KN_CONVERTER, "map_int_int", "") \
	X(TW_KN_CONVERTER, "map_int_ip", "") \
	X(TW_KN_CONVERTER, "map_ip", "") \
	X(TW_KN_CONVERTER, "map_ip_int", "") \
	X(TW_KN_CONVERTER, "map_ip_ip", "") \
	X(TW_KN_CONVERTER, "map_reg", "") \
	X(TW_KN_CONVERTER, "map_reg_int", "") \
	X(TW_KN_CONVERTER, "map_reg_ip", "") \
	X(TW_KN_CONVERTER, "map_regm", "") \
	X(TW_KN_CONVERTER, "map_str", "") \
	X(TW_KN_CONVERTER, "map_str_int", "") \
	X(TW_KN_CONVERTER, "map_str_ip", "") \
	X(TW_KN_CONVERTER, "map_sub", "") \
	X(TW_KN_CONVERTER, "map_sub_int", "") \
	X(TW_KN_CONVERTER, "map_sub_ip", "") \
	X(TW_KN_GLOBAL, "master-worker", "") \
	X(TW_KN_GLOBAL, "master-worker", "no-exit-on-failure") \
	X(TW_KN_CACHE, "max-age", "") \
	X(TW_KN_DLB, "max-keep-alive-queue", "") \
	X(TW_KN_CACHE, "max-object-size", "") \
	X(TW_KN_SERVER, "max-reuse", "") \
	X(TW_KN_CACHE, "max-secondary-entries", "") \
	X(TW_KN_DFL, "max-session-srv-conns", "") \
	X(TW_KN_GLOBAL, "max-spread-checks", "") \
	X(TW_KN_GLOBAL, "max-threads-per-group", "") \
	X(TW_KN_GLOBAL, "maxcompcpuusage", "") \
	X(TW_KN_GLOBAL, "maxcomprate", "") \
	X(TW_KN_GLOBAL | TW_KN_DFL | TW_KN_LOG_FORWARD | TW_KN_BIND | TW_KN_SERVER, \
	  "maxconn", "") \
	X(TW_KN_GLOBAL, "maxconnrate", "") \
	X(TW_KN_RING, "maxlen", "") \
	X(TW_KN_GLOBAL, "maxpipes", "") \
	X(TW_KN_SERVER, "maxqueue", "") \
	X(TW_KN_GLOBAL, "maxsessrate", "") \
	X(TW_KN_GLOBAL, "maxsslconn", "") \
	X(TW_KN_GLOBAL, "maxsslrate", "") \
	X(TW_KN_GLOBAL, "maxzlibmem", "") \
	X(TW_KN_FETCH, "meth", "") \
	X(TW_KN_FETCH, "method", "") \
	X(TW_KN_SERVER, "minconn", "") \
	X(TW_KN_CONVERTER, "mod", "") \
	X(TW_KN_DFLB | TW_KN_BIND, "mode", "") \
	X(TW_KN_DFLB, "mode", "http") \
	X(TW_KN_DFLB, "mode", "log") \
	X(TW_KN_DFLB, "mode", "spop") \
	X(TW_KN_DFLB, "mode", "tcp") \
	X(TW_KN_FL, "monitor", "") \
	X(TW_KN_FL, "monitor", "fail") \
	X(TW_KN_DFL, "monitor-uri", "") \
	X(TW_KN_CONVERTER, "mqtt_field_value", "") \
	X(TW_KN_CONVERTER, "mqtt_is_valid", "") \
	X(TW_KN_LOGVAR, "ms", "") \
	X(TW_KN_CONVERTER, "ms_ltime", "") \
	X(TW_KN_CONVERTER, "ms_utime", "") \
	X(TW_KN_BIND, "mss", "") \
	X(TW_KN_CONVERTER, "mul", "") \
	X(TW_KN_GLOBAL, "mworker-max-reloads", "") \
	X(TW_KN_BIND, "name", "") \
	X(TW_KN_RESOLVERS, "nameserver", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "namespace", "") \
	X(TW_KN_BIND, "nbconn", "") \
	X(TW_KN_FETCH | TW_KN_CONVERTER, "nbsrv", "") \
	X(TW_KN_GLOBAL, "nbthread", "") \
	X(TW_KN_CONVERTER, "neg", "") \
	X(TW_KN_BIND, "nice", "") \
	X(TW_KN_SERVER, "no-agent-check", "") \
	X(TW_KN_BIND, "no-alpn", "") \
	X(TW_KN_SERVER, "no-backup", "") \
	X(TW_KN_BIND, "no-ca-names", "") \
	X(TW_KN_SERVER, "no-check", "") \
	X(TW_KN_SERVER, "no-check-reuse-pool", "") \
	X(TW_KN_SERVER, "no-check-send-proxy", "") \
	X(TW_KN_SERVER, "no-check-sni-auto", "") \
	X(TW_KN_SERVER, "no-check-ssl", "") \
	X(TW_KN_GLOBAL, "no-memory-trimming", "") \
	X(TW_KN_SERVER, "no-renegotiate", "") \
	X(TW_KN_SERVER, "no-send-proxy", "") \
	X(TW_KN_SERVER, "no-send-proxy-v2", "") \
	X(TW_KN_SERVER, "no-send-proxy-v2-ssl", "") \
	X(TW_KN_SERVER, "no-send-proxy-v2-ssl-cn", "") \
	X(TW_KN_SERVER, "no-sni-auto", "") \
	X(TW_KN_SERVER, "no-ssl", "") \
	X(TW_KN_SERVER, "no-ssl-reuse", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "no-sslv3", "") \
	X(TW_KN_BIND, "no-strict-sni", "") \
	X(TW_KN_SERVER, "no-tfo", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "no-tls-tickets", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "no-tlsv10", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "no-tlsv11", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "no-tlsv12", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "no-tlsv13", "") \
	X(TW_KN_SERVER, "no-verifyhost", "") \
	X(TW_KN_GLOBAL, "node", "") \
	X(TW_KN_GLOBAL, "noepoll", "") \
	X(TW_KN_GLOBAL, "noevports", "") \
	X(TW_KN_GLOBAL, "nogetaddrinfo", "") \
	X(TW_KN_GLOBAL, "nokqueue", "") \
	X(TW_KN_GLOBAL, "noktls", "") \
	X(TW_KN_SERVER, "non-stick", "") \
	X(TW_KN_GLOBAL, "nopoll", "") \
	X(TW_KN_GLOBAL, "noreuseport", "") \
	X(TW_KN_GLOBAL, "nosplice", "") \
	X(TW_KN_CONVERTER, "not", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "npn", "") \
	X(TW_KN_GLOBAL, "numa-cpu-mapping", "") \
	X(TW_KN_LOGVAR, "o", "") \
	X(TW_KN_SERVER, "observe", "") \
	X(TW_KN_GLOBAL, "ocsp-update.disable", "") \
	X(TW_KN_GLOBAL, "ocsp-update.httpproxy", "") \
	X(TW_KN_GLOBAL, "ocsp-update.maxdelay", "") \
	X(TW_KN_GLOBAL, "ocsp-update.mindelay", "") \
	X(TW_KN_GLOBAL, "ocsp-update.mode", "") \
	X(TW_KN_CONVERTER, "odd", "") \
	X(TW_KN_LOG_PROFILE, "on", "") \
	X(TW_KN_LOG_PROFILE, "on", "accept") \
	X(TW_KN_LOG_PROFILE, "on", "any") \
	X(TW_KN_LOG_PROFILE, "on", "close") \
	X(TW_KN_LOG_PROFILE, "on", "connect") \
	X(TW_KN_LOG_PROFILE, "on", "error") \
	X(TW_KN_LOG_PROFILE, "on", "http-after-res") \
	X(TW_KN_LOG_PROFILE, "on", "http-req") \
	X(TW_KN_LOG_PROFILE, "on", "http-res") \
	X(TW_KN_LOG_PROFILE, "on", "https") \
	X(TW_KN_LOG_PROFILE, "on", "quic-init") \
	X(TW_KN_LOG_PROFILE, "on", "request") \
	X(TW_KN_LOG_PROFILE, "on", "response") \
	X(TW_KN_LOG_PROFILE, "on", "tcp-req-conn") \
	X(TW_KN_LOG_PROFILE, "on", "tcp-req-cont") \
	X(TW_KN_LOG_PROFILE, "on", "tcp-req-sess") \
	X(TW_KN_SERVER, "on-error", "") \
	X(TW_KN_SERVER, "on-marked-down", "") \
	X(TW_KN_SERVER, "on-marked-up", "") \
	X(TW_KN_DFLB | TW_KN_LOG_FORWARD | TW_KN_FCGI_APP, "option", "") \
	X(TW_KN_DFLB, "option", "abortonclose") \
	X(TW_KN_DFL, "option", "accept-invalid-http-request") \
	X(TW_KN_DLB, "option", "accept-invalid-http-response") \
	X(TW_KN_DFL, "option", "accept-unsafe-violations-in-http-request") \
	X(TW_KN_DLB, "option", "accept-unsafe-violations-in-http-response") \
	X(TW_KN_DLB, "option", "allbackups") \
	X(TW_KN_LOG_FORWARD, "option", "assume-rfc6587-ntf") \
	X(TW_KN_DLB, "option", "checkcache") \
	X(TW_KN_DFL, "option", "clitcpka") \
	X(TW_KN_DFL, "option", "contstats") \
	X(TW_KN_DFL, "option", "disable-h2-upgrade") \
	X(TW_KN_LOG_FORWARD, "option", "dont-parse-log") \
	X(TW_KN_DFL, "option", "dontlog-normal") \
	X(TW_KN_DFL, "option", "dontlognull") \
	X(TW_KN_DLB, "option", "external-check") \
	X(TW_KN_DLB, "option", "forwarded") \
	X(TW_KN_DFLB, "option", "forwardfor") \
	X(TW_KN_FCGI_APP, "option", "get-values") \
	X(TW_KN_DFL, "option", "h1-case-adjust-bogus-client") \
	X(TW_KN_DLB, "option", "h1-case-adjust-bogus-server") \
	X(TW_KN_LOG_FORWARD, "option", "host") \
	X(TW_KN_DFLB, "option", "http-buffer-request") \
	X(TW_KN_DLB, "option", "http-drop-request-trailers") \
	X(TW_KN_DFL, "option", "http-drop-response-trailers") \
	X(TW_KN_DFL, "option", "http-ignore-probes") \
	X(TW_KN_DFLB, "option", "http-keep-alive") \
	X(TW_KN_DFLB, "option", "http-no-delay") \
	X(TW_KN_DLB, "option", "http-pretend-keepalive") \
	X(TW_KN_DFLB, "option", "http-restrict-req-hdr-names") \
	X(TW_KN_DFLB, "option", "http-server-close") \
	X(TW_KN_DFL, "option", "http-use-proxy-header") \
	X(TW_KN_DLB, "option", "httpchk") \
	X(TW_KN_DFLB, "option", "httpclose") \
	X(TW_KN_DFL, "option", "httplog") \
	X(TW_KN_DFL, "option", "httpslog") \
	X(TW_KN_DFL, "option", "idle-close-on-response") \
	X(TW_KN_DFLB, "option", "independent-streams") \
	X(TW_KN_FCGI_APP, "option", "keep-conn") \
	X(TW_KN_DLB, "option", "ldap-check") \
	X(TW_KN_DLB, "option", "log-health-checks") \
	X(TW_KN_DFL, "option", "log-separate-errors") \
	X(TW_KN_DFL, "option", "logasap") \
	X(TW_KN_FCGI_APP, "option", "max-reqs") \
	X(TW_KN_FCGI_APP, "option", "mpxs-conns") \
	X(TW_KN_DLB, "option", "mysql-check") \
	X(TW_KN_DFLB, "option", "nolinger") \
	X(TW_KN_DFLB, "option", "originalto") \
	X(TW_KN_DLB, "option", "persist") \
	X(TW_KN_DLB, "option", "pgsql-check") \
	X(TW_KN_DLB, "option", "prefer-last-server") \
	X(TW_KN_DLB, "option", "redis-check") \
	X(TW_KN_DLB, "option", "redispatch") \
	X(TW_KN_DLB, "option", "smtpchk") \
	X(TW_KN_DFL, "option", "socket-stats") \
	X(TW_KN_DFLB, "option", "splice-auto") \
	X(TW_KN_DFLB, "option", "splice-request") \
	X(TW_KN_DFLB, "option", "splice-response") \
	X(TW_KN_DLB, "option", "spop-check") \
	X(TW_KN_DLB, "option", "srvtcpka") \
	X(TW_KN_DLB, "option", "ssl-hello-chk") \
	X(TW_KN_DLB, "option", "tcp-check") \
	X(TW_KN_DFL, "option", "tcp-smart-accept") \
	X(TW_KN_DLB, "option", "tcp-smart-connect") \
	X(TW_KN_DFLB, "option", "tcpka") \
	X(TW_KN_DFL, "option", "tcplog") \
	X(TW_KN_DLB, "option", "transparent") \
	X(TW_KN_DLB, "option", "use-small-buffers") \
	X(TW_KN_CONVERTER, "or", "") \
	X(TW_KN_CONVERTER, "param", "") \
	X(TW_KN_RESOLVERS, "parse-resolv-conf", "") \
	X(TW_KN_FCGI_APP, "pass-header", "") \
	X(TW_KN_FETCH, "path", "") \
	X(TW_KN_FCGI_APP, "path-info", "") \
	X(TW_KN_ACL, "path_beg", "") \
	X(TW_KN_ACL, "path_dir", "") \
	X(TW_KN_ACL, "path_dom", "") \
	X(TW_KN_ACL, "path_end", "") \
	X(TW_KN_ACL, "path_len", "") \
	X(TW_KN_ACL, "path_reg", "") \
	X(TW_KN_ACL, "path_sub", "") \
	X(TW_KN_FETCH, "pathq", "") \
	X(TW_KN_FETCH, "payload", "") \
	X(TW_KN_FETCH, "payload_lv", "") \
	X(TW_KN_PEERS, "peer", "") \
	X(TW_KN_SECTION, "peers", "") \
	X(TW_KN_DLB, "persist", "") \
	X(TW_KN_DLB, "persist", "rdp-cookie") \
	X(TW_KN_FETCH | TW_KN_LOGVAR, "pid", "") \
	X(TW_KN_GLOBAL, "pidfile", "") \
	X(TW_KN_SERVER, "pool-conn-name", "") \
	X(TW_KN_SERVER, "pool-low-conn", "") \
	X(TW_KN_SERVER, "pool-max-conn", "") \
	X(TW_KN_SERVER, "pool-purge-delay", "") \
	X(TW_KN_SERVER, "port", "") \
	X(TW_KN_CONVERTER, "port_only", "") \
	X(TW_KN_GLOBAL, "pp2-never-send-local", "") \
	X(TW_KN_GLOBAL, "prealloc-fd", "") \
	X(TW_KN_BIND, "prefer-client-ciphers", "") \
	X(TW_KN_GLOBAL, "presetenv", "") \
	X(TW_KN_FETCH, "prio_class", "") \
	X(TW_KN_FETCH, "prio_offset", "") \
	X(TW_KN_FETCH, "proc", "") \
	X(TW_KN_CACHE, "process-vary", "") \
	X(TW_KN_ACME, "profile", "") \
	X(TW_KN_GLOBAL, "profiling.memory", "") \
	X(TW_KN_GLOBAL, "profiling.tasks", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "proto", "") \
	X(TW_KN_CONVERTER, "protobuf", "") \
	X(TW_KN_ACME, "provider-name", "") \
	X(TW_KN_SERVER, "proxy-v2-options", "") \
	X(TW_KN_FETCH, "query", "") \
	X(TW_KN_FETCH, "queue", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "quic-cc-algo", "") \
	X(TW_KN_BIND, "quic-force-retry", "") \
	X(TW_KN_DFL, "quic-initial", "") \
	X(TW_KN_DFL, "quic-initial", "accept") \
	X(TW_KN_DFL, "quic-initial", "dgram-drop") \
	X(TW_KN_DFL, "quic-initial", "do-log") \
	X(TW_KN_DFL, "quic-initial", "reject") \
	X(TW_KN_DFL, "quic-initial", "send-retry") \
	X(TW_KN_BIND, "quic-socket", "") \
	X(TW_KN_FETCH, "quic_enabled", "") \
	X(TW_KN_GLOBAL, "quick-exit", "") \
	X(TW_KN_GLOBAL, "quiet", "") \
	X(TW_KN_LOGVAR, "r", "") \
	X(TW_KN_FETCH, "rand", "") \
	X(TW_KN_DFL, "rate-limit", "") \
	X(TW_KN_DFL, "rate-limit", "sessions") \
	X(TW_KN_LOGVAR, "rc", "") \
	X(TW_KN_FETCH, "rdp_cookie", "") \
	X(TW_KN_FETCH, "rdp_cookie_cnt", "") \
	X(TW_KN_SERVER, "redir", "") \
	X(TW_KN_FLB, "redirect", "") \
	X(TW_KN_FLB, "redirect", "location") \
	X(TW_KN_FLB, "redirect", "prefix") \
	X(TW_KN_FLB, "redirect", "scheme") \
	X(TW_KN_CONVERTER, "regsub", "") \
	X(TW_KN_SERVER, "renegotiate", "") \
	X(TW_KN_FETCH, "rep_ssl_hello_type", "") \
	X(TW_KN_FETCH, "req.body", "") \
	X(TW_KN_FETCH, "req.body_len", "") \
	X(TW_KN_FETCH, "req.body_param", "") \
	X(TW_KN_FETCH, "req.body_size", "") \
	X(TW_KN_FETCH, "req.bytes_in", "") \
	X(TW_KN_FETCH, "req.bytes_out", "") \
	X(TW_KN_FETCH, "req.cook", "") \
	X(TW_KN_FETCH, "req.cook_cnt", "") \
	X(TW_KN_FETCH, "req.cook_names", "") \
	X(TW_KN_FETCH, "req.cook_val", "") \
	X(TW_KN_FETCH, "req.fhdr", "") \
	X(TW_KN_FETCH, "req.fhdr_cnt", "") \
	X(TW_KN_FETCH, "req.hdr", "") \
	X(TW_KN_FETCH, "req.hdr_cnt", "") \
	X(TW_KN_FETCH, "req.hdr_ip", "") \
	X(TW_KN_FETCH, "req.hdr_names", "") \
	X(TW_KN_FETCH, "req.hdr_val", "") \
	X(TW_KN_FETCH, "req.hdrs", "") \
	X(TW_KN_FETCH, "req.hdrs_bin", "") \
	X(TW_KN_FETCH, "req.len", "") \
	X(TW_KN_FETCH, "req.payload", "") \
	X(TW_KN_FETCH, "req.payload_lv", "") \
	X(TW_KN_FETCH, "req.proto_http", "") \
	X(TW_KN_FETCH, "req.rdp_cookie", "") \
	X(TW_KN_FETCH, "req.rdp_cookie_cnt", "") \
	X(TW_KN_FETCH, "req.ssl_alpn", "") \
	X(TW_KN_FETCH, "req.ssl_cipherlist", "") \
	X(TW_KN_FETCH, "req.ssl_ec_ext", "") \
	X(TW_KN_FETCH, "req.ssl_hello_type", "") \
	X(TW_KN_FETCH, "req.ssl_keyshare_groups", "") \
	X(TW_KN_FETCH, "req.ssl_sigalgs", "") \
	X(TW_KN_FETCH, "req.ssl_sni", "") \
	X(TW_KN_FETCH, "req.ssl_st_ext", "") \
	X(TW_KN_FETCH, "req.ssl_supported_groups", "") \
	X(TW_KN_FETCH, "req.ssl_ver", "") \
	X(TW_KN_FETCH, "req.timer.hdr", "") \
	X(TW_KN_FETCH, "req.timer.idle", "") \
	X(TW_KN_FETCH, "req.timer.queue", "") \
	X(TW_KN_FETCH, "req.timer.tq", "") \
	X(TW_KN_FETCH, "req.ver", "") \
	X(TW_KN_FETCH, "req_len", "") \
	X(TW_KN_FETCH, "req_proto_http", "") \
	X(TW_KN_ACL, "req_rdp_cookie", "") \
	X(TW_KN_ACL, "req_rdp_cookie_cnt", "") \
	X(TW_KN_FETCH, "req_ssl_hello_type", "") \
	X(TW_KN_FETCH, "req_ssl_sni", "") \
	X(TW_KN_FETCH, "req_ssl_ver", "") \
	X(TW_KN_FETCH, "req_ver", "") \
	X(TW_KN_FETCH, "request_date", "") \
	X(TW_KN_FETCH, "res.body", "") \
	X(TW_KN_FETCH, "res.body_len", "") \
	X(TW_KN_FETCH, "res.body_size", "") \
	X(TW_KN_FETCH, "res.bytes_in", "") \
	X(TW_KN_FETCH, "res.bytes_out", "") \
	X(TW_KN_FETCH, "res.cache_hit", "") \
	X(TW_KN_FETCH, "res.cache_name", "") \
	X(TW_KN_FETCH, "res.comp", "") \
	X(TW_KN_FETCH, "res.comp_algo", "") \
	X(TW_KN_FETCH, "res.cook", "") \
	X(TW_KN_FETCH, "res.cook_cnt", "") \
	X(TW_KN_FETCH, "res.cook_names", "") \
	X(TW_KN_FETCH, "res.cook_val", "") \
	X(TW_KN_FETCH, "res.fhdr", "") \
	X(TW_KN_FETCH, "res.fhdr_cnt", "") \
	X(TW_KN_FETCH, "res.hdr", "") \
	X(TW_KN_FETCH, "res.hdr_cnt", "") \
	X(TW_KN_FETCH, "res.hdr_ip", "") \
	X(TW_KN_FETCH, "res.hdr_names", "") \
	X(TW_KN_FETCH, "res.hdr_val", "") \
	X(TW_KN_FETCH, "res.hdrs", "") \
	X(TW_KN_FETCH, "res.hdrs_bin", "") \
	X(TW_KN_FETCH, "res.len", "") \
	X(TW_KN_FETCH, "res.payload", "") \
	X(TW_KN_FETCH, "res.payload_lv", "") \
	X(TW_KN_FETCH, "res.ssl_hello_type", "") \
	X(TW_KN_FETCH, "res.timer.data", "") \
	X(TW_KN_FETCH, "res.timer.hdr", "") \
	X(TW_KN_FETCH, "res.ver", "") \
	X(TW_KN_GLOBAL, "resetenv", "") \
	X(TW_KN_SERVER, "resolve-net", "") \
	X(TW_KN_SERVER, "resolve-opts", "") \
	X(TW_KN_SERVER, "resolve-prefer", "") \
	X(TW_KN_RESOLVERS, "resolve_retries", "") \
	X(TW_KN_SECTION | TW_KN_SERVER, "resolvers", "") \
	X(TW_KN_FETCH, "resp_ver", "") \
	X(TW_KN_DLB, "retries", "") \
	X(TW_KN_DLB, "retry-on", "") \
	X(TW_KN_ACME, "reuse-key", "") \
	X(TW_KN_CONVERTER, "reverse", "") \
	X(TW_KN_CONVERTER, "reverse_dom", "") \
	X(TW_KN_CONVERTER, "rfc7239_field", "") \
	X(TW_KN_CONVERTER, "rfc7239_is_valid", "") \
	X(TW_KN_CONVERTER, "rfc7239_n2nn", "") \
	X(TW_KN_CONVERTER, "rfc7239_n2np", "") \
	X(TW_KN_CONVERTER, "rfc7239_nn", "") \
	X(TW_KN_CONVERTER, "rfc7239_np", "") \
	X(TW_KN_SECTION, "ring", "") \
	X(TW_KN_SERVER, "rise", "") \
	X(TW_KN_LOGVAR, "rt", "") \
	X(TW_KN_CONVERTER, "rtrim", "") \
	X(TW_KN_LOGVAR, "s", "") \
	X(TW_KN_LOGVAR, "sc", "") \
	X(TW_KN_FETCH, "sc0_bytes_in_rate", "") \
	X(TW_KN_FETCH, "sc0_bytes_out_rate", "") \
	X(TW_KN_FETCH, "sc0_clr_gpc0", "") \
	X(TW_KN_FETCH, "sc0_clr_gpc1", "") \
	X(TW_KN_FETCH, "sc0_conn_cnt", "") \
	X(TW_KN_FETCH, "sc0_conn_cur", "") \
	X(TW_KN_FETCH, "sc0_conn_rate", "") \
	X(TW_KN_FETCH, "sc0_get_gpc0", "") \
	X(TW_KN_FETCH, "sc0_get_gpc1", "") \
	X(TW_KN_FETCH, "sc0_get_gpt0", "") \
	X(TW_KN_FETCH, "sc0_glitch_cnt", "") \
	X(TW_KN_FETCH, "sc0_glitch_rate", "") \
	X(TW_KN_FETCH, "sc0_gpc0_rate", "") \
	X(TW_KN_FETCH, "sc0_gpc1_rate", "") \
	X(TW_KN_FETCH, "sc0_http_err_cnt", "") \
	X(TW_KN_FETCH, "sc0_http_err_rate", "") \
	X(TW_KN_FETCH, "sc0_http_fail_cnt", "") \
	X(TW_KN_FETCH, "sc0_http_fail_rate", "") \
	X(TW_KN_FETCH, "sc0_http_req_cnt", "") \
	X(TW_KN_FETCH, "sc0_http_req_rate", "") \
	X(TW_KN_FETCH, "sc0_inc_gpc0", "") \
	X(TW_KN_FETCH, "sc0_inc_gpc1", "") \
	X(TW_KN_FETCH, "sc0_kbytes_in", "") \
	X(TW_KN_FETCH, "sc0_kbytes_out", "") \
	X(TW_KN_FETCH, "sc0_key", "") \
	X(TW_KN_FETCH, "sc0_sess_cnt", "") \
	X(TW_KN_FETCH, "sc0_sess_rate", "") \
	X(TW_KN_FETCH, "sc0_tracked", "") \
	X(TW_KN_FETCH, "sc0_trackers", "") \
	X(TW_KN_FETCH, "sc1_bytes_in_rate", "") \
	X(TW_KN_FETCH, "sc1_bytes_out_rate", "") \
	X(TW_KN_FETCH, "sc1_clr_gpc", "") \
	X(TW_KN_FETCH, "sc1_clr_gpc0", "") \
	X(TW_KN_FETCH, "sc1_clr_gpc1", "") \
	X(TW_KN_FETCH, "sc1_conn_cnt", "") \
	X(TW_KN_FETCH, "sc1_conn_cur", "") \
	X(TW_KN_FETCH, "sc1_conn_rate", "") \
	X(TW_KN_FETCH, "sc1_get_gpc0", "") \
	X(TW_KN_FETCH, "sc1_get_gpc1", "") \
	X(TW_KN_FETCH, "sc1_get_gpt0", "") \
	X(TW_KN_FETCH, "sc1_glitch_cnt", "") \
	X(TW_KN_FETCH, "sc1_glitch_rate", "") \
	X(TW_KN_FETCH, "sc1_gpc0_rate", "") \
	X(TW_KN_FETCH, "sc1_gpc1_rate", "") \
	X(TW_KN_FETCH, "sc1_http_err_cnt", "") \
	X(TW_KN_FETCH, "sc1_http_err_rate", "") \
	X(TW_KN_FETCH, "sc1_http_fail_cnt", "") \
	X(TW_KN_FETCH, "sc1_http_fail_rate", "") \
	X(TW_KN_FETCH, "sc1_http_req_cnt", "") \
	X(TW_KN_FETCH, "sc1_http_req_rate", "") \
	X(TW_KN_FETCH, "sc1_inc_gpc0", "") \
	X(TW_KN_FETCH, "sc1_inc_gpc1", "") \
	X(TW_KN_FETCH, "sc1_kbytes_in", "") \
	X(TW_KN_FETCH, "sc1_kbytes_out", "") \
	X(TW_KN_FETCH, "sc1_key", "") \
	X(TW_KN_FETCH, "sc1_sess_cnt", "") \
	X(TW_KN_FETCH, "sc1_sess_rate", "") \
	X(TW_KN_FETCH, "sc1_tracked", "") \
	X(TW_KN_FETCH, "sc1_trackers", "") \
	X(TW_KN_FETCH, "sc2_bytes_in_rate", "") \
	X(TW_KN_FETCH, "sc2_bytes_out_rate", "") \
	X(TW_KN_FETCH, "sc2_clr_gpc0", "") \
	X(TW_KN_FETCH, "sc2_clr_gpc1", "") \
	X(TW_KN_FETCH, "sc2_conn_cnt", "") \
	X(TW_KN_FETCH, "sc2_conn_cur", "") \
	X(TW_KN_FETCH, "sc2_conn_rate", "") \
	X(TW_KN_FETCH, "sc2_get_gpc0", "") \
	X(TW_KN_FETCH, "sc2_get_gpc1", "") \
	X(TW_KN_FETCH, "sc2_get_gpt0", "") \
	X(TW_KN_FETCH, "sc2_glitch_cnt", "") \
	X(TW_KN_FETCH, "sc2_glitch_rate", "") \
	X(TW_KN_FETCH, "sc2_gpc0_rate", "") \
	X(TW_KN_FETCH, "sc2_gpc1_rate", "") \
	X(TW_KN_FETCH, "sc2_http_err_cnt", "") \
	X(TW_KN_FETCH, "sc2_http_err_rate", "") \
	X(TW_KN_FETCH, "sc2_http_fail_cnt", "") \
	X(TW_KN_FETCH, "sc2_http_fail_rate", "") \
	X(TW_KN_FETCH, "sc2_http_req_cnt", "") \
	X(TW_KN_FETCH, "sc2_http_req_rate", "") \
	X(TW_KN_FETCH, "sc2_inc_gpc0", "") \
	X(TW_KN_FETCH, "sc2_inc_gpc1", "") \
	X(TW_KN_FETCH, "sc2_kbytes_in", "") \
	X(TW_KN_FETCH, "sc2_kbytes_out", "") \
	X(TW_KN_FETCH, "sc2_key", "") \
	X(TW_KN_FETCH, "sc2_sess_cnt", "") \
	X(TW_KN_FETCH, "sc2_sess_rate", "") \
	X(TW_KN_FETCH, "sc2_tracked", "") \
	X(TW_KN_FETCH, "sc2_trackers", "") \
	X(TW_KN_FETCH, "sc_bytes_in_rate", "") \
	X(TW_KN_FETCH, "sc_bytes_out_rate", "") \
	X(TW_KN_FETCH, "sc_clr_gpc", "") \
	X(TW_KN_FETCH, "sc_clr_gpc0", "") \
	X(TW_KN_FETCH, "sc_clr_gpc1", "") \
	X(TW_KN_FETCH, "sc_conn_cnt", "") \
	X(TW_KN_FETCH, "sc_conn_cur", "") \
	X(TW_KN_FETCH, "sc_conn_rate", "") \
	X(TW_KN_FETCH, "sc_get_gpc", "") \
	X(TW_KN_FETCH, "sc_get_gpc0", "") \
	X(TW_KN_FETCH, "sc_get_gpc1", "") \
	X(TW_KN_FETCH, "sc_get_gpt", "") \
	X(TW_KN_FETCH, "sc_get_gpt0", "") \
	X(TW_KN_FETCH, "sc_glitch_cnt", "") \
	X(TW_KN_FETCH, "sc_glitch_rate", "") \
	X(TW_KN_FETCH, "sc_gpc0_rate", "") \
	X(TW_KN_FETCH, "sc_gpc1_rate", "") \
	X(TW_KN_FETCH, "sc_gpc_rate", "") \
	X(TW_KN_FETCH, "sc_http_err_cnt", "") \
	X(TW_KN_FETCH, "sc_http_err_rate", "") \
	X(TW_KN_FETCH, "sc_http_fail_cnt", "") \
	X(TW_KN_FETCH, "sc_http_fail_rate", "") \
	X(TW_KN_FETCH, "sc_http_req_cnt", "") \
	X(TW_KN_FETCH, "sc_http_req_rate", "") \
	X(TW_KN_FETCH, "sc_inc_gpc", "") \
	X(TW_KN_FETCH, "sc_inc_gpc0", "") \
	X(TW_KN_FETCH, "sc_inc_gpc1", "") \
	X(TW_KN_FETCH, "sc_kbytes_in", "") \
	X(TW_KN_FETCH, "sc_kbytes_out", "") \
	X(TW_KN_FETCH, "sc_key", "") \
	X(TW_KN_FETCH, "sc_sess_cnt", "") \
	X(TW_KN_FETCH, "sc_sess_rate", "") \
	X(TW_KN_FETCH, "sc_tracked", "") \
	X(TW_KN_FETCH, "sc_trackers", "") \
	X(TW_KN_FETCH, "scook", "") \
	X(TW_KN_ACL, "scook_beg", "") \
	X(TW_KN_FETCH, "scook_cnt", "") \
	X(TW_KN_ACL, "scook_dir", "") \
	X(TW_KN_ACL, "scook_dom", "") \
	X(TW_KN_ACL, "scook_end", "") \
	X(TW_KN_ACL, "scook_len", "") \
	X(TW_KN_ACL, "scook_reg", "") \
	X(TW_KN_ACL, "scook_sub", "") \
	X(TW_KN_FETCH, "scook_val", "") \
	X(TW_KN_CONVERTER, "sdbm", "") \
	X(TW_KN_CONVERTER, "secure_memcmp", "") \
	X(TW_KN_SERVER, "send-proxy", "") \
	X(TW_KN_SERVER, "send-proxy-v2", "") \
	X(TW_KN_SERVER, "send-proxy-v2-ssl", "") \
	X(TW_KN_SERVER, "send-proxy-v2-ssl-cn", "") \
	X(TW_KN_LB | TW_KN_PEERS | TW_KN_RING, "server", "") \
	X(TW_KN_GLOBAL, "server-state-base", "") \
	X(TW_KN_GLOBAL, "server-state-file", "") \
	X(TW_KN_DLB, "server-state-file-name", "") \
	X(TW_KN_LB, "server-template", "") \
	X(TW_KN_FETCH, "server_status", "") \
	X(TW_KN_FETCH, "set-cookie", "") \
	X(TW_KN_GLOBAL, "set-dumpable", "") \
	X(TW_KN_FCGI_APP, "set-param", "") \
	X(TW_KN_SERVER, "set-proxy-v2-tlv-fmt", "") \
	X(TW_KN_GLOBAL | TW_KN_CONVERTER, "set-var", "") \
	X(TW_KN_GLOBAL, "set-var-fmt", "") \
	X(TW_KN_GLOBAL, "setcap", "") \
	X(TW_KN_GLOBAL, "setenv", "") \
	X(TW_KN_BIND, "severity-output", "") \
	X(TW_KN_CONVERTER, "sha1", "") \
	X(TW_KN_CONVERTER, "sha2", "") \
	X(TW_KN_SERVER, "shard", "") \
	X(TW_KN_PEERS | TW_KN_BIND, "shards", "") \
	X(TW_KN_FETCH, "shdr", "") \
	X(TW_KN_ACL, "shdr_beg", "") \
	X(TW_KN_FETCH, "shdr_cnt", "") \
	X(TW_KN_ACL, "shdr_dir", "") \
	X(TW_KN_ACL, "shdr_dom", "") \
	X(TW_KN_ACL, "shdr_end", "") \
	X(TW_KN_FETCH, "shdr_ip", "") \
	X(TW_KN_ACL, "shdr_len", "") \
	X(TW_KN_ACL, "shdr_reg", "") \
	X(TW_KN_ACL, "shdr_sub", "") \
	X(TW_KN_FETCH, "shdr_val", "") \
	X(TW_KN_GLOBAL, "shm-stats-file", "") \
	X(TW_KN_GLOBAL, "shm-stats-file-max-objects", "") \
	X(TW_KN_LOGVAR, "si", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "sigalgs", "") \
	X(TW_KN_RING, "size", "") \
	X(TW_KN_SERVER, "slowstart", "") \
	X(TW_KN_SERVER, "sni", "") \
	X(TW_KN_SERVER, "sni-auto", "") \
	X(TW_KN_FETCH, "so_id", "") \
	X(TW_KN_FETCH, "so_name", "") \
	X(TW_KN_SERVER, "socks4", "") \
	X(TW_KN_DLB | TW_KN_SERVER, "source", "") \
	X(TW_KN_LOGVAR, "sp", "") \
	X(TW_KN_GLOBAL, "spread-checks", "") \
	X(TW_KN_LOGVAR, "sq", "") \
	X(TW_KN_FETCH, "src", "") \
	X(TW_KN_FETCH, "src_bytes_in_rate", "") \
	X(TW_KN_FETCH, "src_bytes_out_rate", "") \
	X(TW_KN_FETCH, "src_clr_gpc", "") \
	X(TW_KN_FETCH, "src_clr_gpc0", "") \
	X(TW_KN_FETCH, "src_clr_gpc1", "") \
	X(TW_KN_FETCH, "src_conn_cnt", "") \
	X(TW_KN_FETCH, "src_conn_cur", "") \
	X(TW_KN_FETCH, "src_conn_rate", "") \
	X(TW_KN_FETCH, "src_get_gpc", "") \
	X(TW_KN_FETCH, "src_get_gpc0", "") \
	X(TW_KN_FETCH, "src_get_gpc1", "") \
	X(TW_KN_FETCH, "src_get_gpt", "") \
	X(TW_KN_FETCH, "src_get_gpt0", "") \
	X(TW_KN_FETCH, "src_glitch_cnt", "") \
	X(TW_KN_FETCH, "src_glitch_rate", "") \
	X(TW_KN_FETCH, "src_gpc0_rate", "") \
	X(TW_KN_FETCH, "src_gpc1_rate", "") \
	X(TW_KN_FETCH, "src_gpc_rate", "") \
	X(TW_KN_FETCH, "src_http_err_cnt", "") \
	X(TW_KN_FETCH, "src_http_err_rate", "") \
	X(TW_KN_FETCH, "src_http_fail_cnt", "") \
	X(TW_KN_FETCH, "src_http_fail_rate", "") \
	X(TW_KN_FETCH, "src_http_req_cnt", "") \
	X(TW_KN_FETCH, "src_http_req_rate", "") \
	X(TW_KN_FETCH, "src_inc_gpc", "") \
	X(TW_KN_FETCH, "src_inc_gpc0", "") \
	X(TW_KN_FETCH, "src_inc_gpc1", "") \
	X(TW_KN_FETCH, "src_is_local", "") \
	X(TW_KN_FETCH, "src_kbytes_in", "") \
	X(TW_KN_FETCH, "src_kbytes_out", "") \
	X(TW_KN_FETCH, "src_port", "") \
	X(TW_KN_FETCH, "src_sess_cnt", "") \
	X(TW_KN_FETCH, "src_sess_rate", "") \
	X(TW_KN_FETCH, "src_updt_conn_cnt", "") \
	X(TW_KN_FETCH, "srv_conn", "") \
	X(TW_KN_FETCH, "srv_conn_free", "") \
	X(TW_KN_FETCH, "srv_id", "") \
	X(TW_KN_FETCH, "srv_is_up", "") \
	X(TW_KN_FETCH, "srv_iweight", "") \
	X(TW_KN_FETCH, "srv_name", "") \
	X(TW_KN_FETCH | TW_KN_CONVERTER, "srv_queue", "") \
	X(TW_KN_FETCH, "srv_sess_rate", "") \
	X(TW_KN_FETCH, "srv_uweight", "") \
	X(TW_KN_FETCH, "srv_weight", "") \
	X(TW_KN_DLB, "srvtcpka-cnt", "") \
	X(TW_KN_DLB, "srvtcpka-idle", "") \
	X(TW_KN_DLB, "srvtcpka-intvl", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "ssl", "") \
	X(TW_KN_GLOBAL, "ssl-default-bind-ciphers", "") \
	X(TW_KN_GLOBAL, "ssl-default-bind-ciphersuites", "") \
	X(TW_KN_GLOBAL, "ssl-default-bind-client-sigalgs", "") \
	X(TW_KN_GLOBAL, "ssl-default-bind-curves", "") \
	X(TW_KN_GLOBAL, "ssl-default-bind-options", "") \
	X(TW_KN_GLOBAL, "ssl-default-bind-sigalgs", "") \
	X(TW_KN_GLOBAL, "ssl-default-server-ciphers", "") \
	X(TW_KN_GLOBAL, "ssl-default-server-ciphersuites", "") \
	X(TW_KN_GLOBAL, "ssl-default-server-client-sigalgs", "") \
	X(TW_KN_GLOBAL, "ssl-default-server-curves", "") \
	X(TW_KN_GLOBAL, "ssl-default-server-options", "") \
	X(TW_KN_GLOBAL, "ssl-default-server-sigalgs", "") \
	X(TW_KN_GLOBAL, "ssl-dh-param-file", "") \
	X(TW_KN_GLOBAL, "ssl-engine", "") \
	X(TW_KN_FL, "ssl-f-use", "") \
	X(TW_KN_GLOBAL, "ssl-load-extra-del-ext", "") \
	X(TW_KN_GLOBAL, "ssl-load-extra-files", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "ssl-max-ver", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "ssl-min-ver", "") \
	X(TW_KN_GLOBAL, "ssl-mode-async", "") \
	X(TW_KN_GLOBAL, "ssl-passphrase-cmd", "") \
	X(TW_KN_GLOBAL, "ssl-propquery", "") \
	X(TW_KN_GLOBAL, "ssl-provider", "") \
	X(TW_KN_GLOBAL, "ssl-provider-path", "") \
	X(TW_KN_SERVER, "ssl-reuse", "") \
	X(TW_KN_GLOBAL, "ssl-security-level", "") \
	X(TW_KN_GLOBAL, "ssl-server-verify", "") \
	X(TW_KN_GLOBAL, "ssl-skip-self-issued-ca", "") \
	X(TW_KN_FETCH, "ssl_bc", "") \
	X(TW_KN_FETCH, "ssl_bc_alg_keysize", "") \
	X(TW_KN_FETCH, "ssl_bc_alpn", "") \
	X(TW_KN_FETCH, "ssl_bc_cipher", "") \
	X(TW_KN_FETCH, "ssl_bc_client_early_traffic_secret", "") \
	X(TW_KN_FETCH, "ssl_bc_client_handshake_traffic_secret", "") \
	X(TW_KN_FETCH, "ssl_bc_client_random", "") \
	X(TW_KN_FETCH, "ssl_bc_client_traffic_secret_0", "") \
	X(TW_KN_FETCH, "ssl_bc_curve", "") \
	X(TW_KN_FETCH, "ssl_bc_early_exporter_secret", "") \
	X(TW_KN_FETCH, "ssl_bc_err", "") \
	X(TW_KN_FETCH, "ssl_bc_err_str", "") \
	X(TW_KN_FETCH, "ssl_bc_exporter_secret", "") \
	X(TW_KN_FETCH, "ssl_bc_is_resumed", "") \
	X(TW_KN_FETCH, "ssl_bc_npn", "") \
	X(TW_KN_FETCH, "ssl_bc_protocol", "") \
	X(TW_KN_FETCH, "ssl_bc_server_handshake_traffic_secret", "") \
	X(TW_KN_FETCH, "ssl_bc_server_random", "") \
	X(TW_KN_FETCH, "ssl_bc_server_traffic_secret_0", "") \
	X(TW_KN_FETCH, "ssl_bc_session_id", "") \
	X(TW_KN_FETCH, "ssl_bc_session_key", "") \
	X(TW_KN_FETCH, "ssl_bc_sni", "") \
	X(TW_KN_FETCH, "ssl_bc_unique_id", "") \
	X(TW_KN_FETCH, "ssl_bc_use_keysize", "") \
	X(TW_KN_FETCH, "ssl_c_ca_err", "") \
	X(TW_KN_FETCH, "ssl_c_ca_err_depth", "") \
	X(TW_KN_FETCH, "ssl_c_chain_der", "") \
	X(TW_KN_FETCH, "ssl_c_der", "") \
	X(TW_KN_FETCH, "ssl_c_err", "") \
	X(TW_KN_FETCH, "ssl_c_i_dn", "") \
	X(TW_KN_FETCH, "ssl_c_key_alg", "") \
	X(TW_KN_FETCH, "ssl_c_notafter", "") \
	X(TW_KN_FETCH, "ssl_c_notbefore", "") \
	X(TW_KN_FETCH, "ssl_c_r_dn", "") \
	X(TW_KN_FETCH, "ssl_c_s_dn", "") \
	X(TW_KN_FETCH, "ssl_c_san", "") \
	X(TW_KN_FETCH, "ssl_c_serial", "") \
	X(TW_KN_FETCH, "ssl_c_sha1", "") \
	X(TW_KN_FETCH, "ssl_c_sig_alg", "") \
	X(TW_KN_FETCH, "ssl_c_used", "") \
	X(TW_KN_FETCH, "ssl_c_verify", "") \
	X(TW_KN_FETCH, "ssl_c_version", "") \
	X(TW_KN_FETCH, "ssl_f_der", "") \
	X(TW_KN_FETCH, "ssl_f_i_dn", "") \
	X(TW_KN_FETCH, "ssl_f_key_alg", "") \
	X(TW_KN_FETCH, "ssl_f_notafter", "") \
	X(TW_KN_FETCH, "ssl_f_notbefore", "") \
	X(TW_KN_FETCH, "ssl_f_s_dn", "") \
	X(TW_KN_FETCH, "ssl_f_serial", "") \
	X(TW_KN_FETCH, "ssl_f_sha1", "") \
	X(TW_KN_FETCH, "ssl_f_sig_alg", "") \
	X(TW_KN_FETCH, "ssl_f_version", "") \
	X(TW_KN_FETCH, "ssl_fc", "") \
	X(TW_KN_FETCH, "ssl_fc_alg_keysize", "") \
	X(TW_KN_FETCH, "ssl_fc_alpn", "") \
	X(TW_KN_FETCH, "ssl_fc_cipher", "") \
	X(TW_KN_FETCH, "ssl_fc_cipherlist_bin", "") \
	X(TW_KN_FETCH, "ssl_fc_cipherlist_hex", "") \
	X(TW_KN_FETCH, "ssl_fc_cipherlist_str", "") \
	X(TW_KN_FETCH, "ssl_fc_cipherlist_xxh", "") \
	X(TW_KN_FETCH, "ssl_fc_client_early_traffic_secret", "") \
	X(TW_KN_FETCH, "ssl_fc_client_handshake_traffic_secret", "") \
	X(TW_KN_FETCH, "ssl_fc_client_random", "") \
	X(TW_KN_FETCH, "ssl_fc_client_traffic_secret_0", "") \
	X(TW_KN_FETCH, "ssl_fc_crtname", "") \
	X(TW_KN_FETCH, "ssl_fc_curve", "") \
	X(TW_KN_FETCH, "ssl_fc_early_exporter_secret", "") \
	X(TW_KN_FETCH, "ssl_fc_early_rcvd", "") \
	X(TW_KN_FETCH, "ssl_fc_ecformats_bin", "") \
	X(TW_KN_FETCH, "ssl_fc_eclist_bin", "") \
	X(TW_KN_FETCH, "ssl_fc_err", "") \
	X(TW_KN_FETCH, "ssl_fc_err_str", "") \
	X(TW_KN_FETCH, "ssl_fc_exporter_secret", "") \
	X(TW_KN_FETCH, "ssl_fc_extlist_bin", "") \
	X(TW_KN_FETCH, "ssl_fc_has_crt", "") \
	X(TW_KN_FETCH, "ssl_fc_has_early", "") \
	X(TW_KN_FETCH, "ssl_fc_has_sni", "") \
	X(TW_KN_FETCH, "ssl_fc_is_resumed", "") \
	X(TW_KN_FETCH, "ssl_fc_npn", "") \
	X(TW_KN_FETCH, "ssl_fc_protocol", "") \
	X(TW_KN_FETCH, "ssl_fc_protocol_hello_id", "") \
	X(TW_KN_FETCH, "ssl_fc_server_handshake_traffic_secret", "") \
	X(TW_KN_FETCH, "ssl_fc_server_random", "") \
	X(TW_KN_FETCH, "ssl_fc_server_traffic_secret_0", "") \
	X(TW_KN_FETCH, "ssl_fc_session_id", "") \
	X(TW_KN_FETCH, "ssl_fc_session_key", "") \
	X(TW_KN_FETCH, "ssl_fc_sigalgs_bin", "") \
	X(TW_KN_FETCH, "ssl_fc_sni", "") \
	X(TW_KN_ACL, "ssl_fc_sni_end", "") \
	X(TW_KN_ACL, "ssl_fc_sni_reg", "") \
	X(TW_KN_FETCH, "ssl_fc_supported_versions_bin", "") \
	X(TW_KN_FETCH, "ssl_fc_unique_id", "") \
	X(TW_KN_FETCH, "ssl_fc_use_keysize", "") \
	X(TW_KN_FETCH, "ssl_s_chain_der", "") \
	X(TW_KN_FETCH, "ssl_s_der", "") \
	X(TW_KN_FETCH, "ssl_s_i_dn", "") \
	X(TW_KN_FETCH, "ssl_s_key_alg", "") \
	X(TW_KN_FETCH, "ssl_s_notafter", "") \
	X(TW_KN_FETCH, "ssl_s_notbefore", "") \
	X(TW_KN_FETCH, "ssl_s_s_dn", "") \
	X(TW_KN_FETCH, "ssl_s_serial", "") \
	X(TW_KN_FETCH, "ssl_s_sha1", "") \
	X(TW_KN_FETCH, "ssl_s_sig_alg", "") \
	X(TW_KN_FETCH, "ssl_s_version", "") \
	X(TW_KN_LOGVAR, "sslc", "") \
	X(TW_KN_LOGVAR, "sslv", "") \
	X(TW_KN_GLOBAL | TW_KN_DFLB, "stats", "") \
	X(TW_KN_FLB, "stats", "admin") \
	X(TW_KN_DFLB, "stats", "auth") \
	X(TW_KN_GLOBAL, "stats", "calculate-max-counters") \
	X(TW_KN_DFLB, "stats", "enable") \
	X(TW_KN_DFLB, "stats", "hide-version") \
	X(TW_KN_FLB, "stats", "http-request") \
	X(TW_KN_GLOBAL, "stats", "maxconn") \
	X(TW_KN_DFLB, "stats", "realm") \
	X(TW_KN_DFLB, "stats", "refresh") \
	X(TW_KN_DFLB, "stats", "scope") \
	X(TW_KN_DFLB, "stats", "show-desc") \
	X(TW_KN_DFLB, "stats", "show-legends") \
	X(TW_KN_DFLB, "stats", "show-modules") \
	X(TW_KN_DFLB, "stats", "show-node") \
	X(TW_KN_DFLB, "stats", "show-version") \
	X(TW_KN_GLOBAL, "stats", "socket") \
	X(TW_KN_GLOBAL, "stats", "timeout") \
	X(TW_KN_DFLB, "stats", "uri") \
	X(TW_KN_FLB, "stats http-request", "allow") \
	X(TW_KN_FLB, "stats http-request", "auth") \
	X(TW_KN_FLB, "stats http-request", "deny") \
	X(TW_KN_GLOBAL, "stats-file", "") \
	X(TW_KN_FETCH, "status", "") \
	X(TW_KN_LB | TW_KN_SERVER, "stick", "") \
	X(TW_KN_LB, "stick", "match") \
	X(TW_KN_LB, "stick", "on") \
	X(TW_KN_LB, "stick", "store-request") \
	X(TW_KN_LB, "stick", "store-response") \
	X(TW_KN_FLB | TW_KN_PEERS, "stick-table", "") \
	X(TW_KN_FLB, "stick-table", "type") \
	X(TW_KN_FETCH, "stopping", "") \
	X(TW_KN_FETCH, "str", "") \
	X(TW_KN_CONVERTER, "strcmp", "") \
	X(TW_KN_GLOBAL, "stress-level", "") \
	X(TW_KN_GLOBAL, "strict-limits", "") \
	X(TW_KN_SERVER, "strict-maxconn", "") \
	X(TW_KN_BIND, "strict-sni", "") \
	X(TW_KN_CONVERTER, "sub", "") \
	X(TW_KN_LOGVAR, "t", "") \
	X(TW_KN_PEERS, "table", "") \
	X(TW_KN_FETCH, "table_avl", "") \
	X(TW_KN_CONVERTER, "table_bytes_in_rate", "") \
	X(TW_KN_CONVERTER, "table_bytes_out_rate", "") \
	X(TW_KN_CONVERTER, "table_clr_gpc", "") \
	X(TW_KN_CONVERTER, "table_clr_gpc0", "") \
	X(TW_KN_CONVERTER, "table_clr_gpc1", "") \
	X(TW_KN_FETCH, "table_cnt", "") \
	X(TW_KN_CONVERTER, "table_conn_cnt", "") \
	X(TW_KN_CONVERTER, "table_conn_cur", "") \
	X(TW_KN_CONVERTER, "table_conn_rate", "") \
	X(TW_KN_CONVERTER, "table_expire", "") \
	X(TW_KN_CONVERTER, "table_glitch_cnt", "") \
	X(TW_KN_CONVERTER, "table_glitch_rate", "") \
	X(TW_KN_CONVERTER, "table_gpc", "") \
	X(TW_KN_CONVERTER, "table_gpc0", "") \
	X(TW_KN_CONVERTER, "table_gpc0_rate", "") \
	X(TW_KN_CONVERTER, "table_gpc1", "") \
	X(TW_KN_CONVERTER, "table_gpc1_rate", "") \
	X(TW_KN_CONVERTER, "table_gpc_rate", "") \
	X(TW_KN_CONVERTER, "table_gpt", "") \
	X(TW_KN_CONVERTER, "table_gpt0", "") \
	X(TW_KN_CONVERTER, "table_http_err_cnt", "") \
	X(TW_KN_CONVERTER, "table_http_err_rate", "") \
	X(TW_KN_CONVERTER, "table_http_fail_cnt", "") \
	X(TW_KN_CONVERTER, "table_http_fail_rate", "") \
	X(TW_KN_CONVERTER, "table_http_req_cnt", "") \
	X(TW_KN_CONVERTER, "table_http_req_rate", "") \
	X(TW_KN_CONVERTER, "table_idle", "") \
	X(TW_KN_CONVERTER, "table_inc_gpc", "") \
	X(TW_KN_CONVERTER, "table_inc_gpc0", "") \
	X(TW_KN_CONVERTER, "table_inc_gpc1", "") \
	X(TW_KN_CONVERTER, "table_kbytes_in", "") \
	X(TW_KN_CONVERTER, "table_kbytes_out", "") \
	X(TW_KN_CONVERTER, "table_server_id", "") \
	X(TW_KN_CONVERTER, "table_sess_cnt", "") \
	X(TW_KN_CONVERTER, "table_sess_rate", "") \
	X(TW_KN_CONVERTER, "table_trackers", "") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "tcp-check", "") \
	X(TW_KN_DLB, "tcp-check", "comment") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "tcp-check", "connect") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "tcp-check", "expect") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "tcp-check", "send") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "tcp-check", "send-binary") \
	X(TW_KN_DLB, "tcp-check", "send-binary-lf") \
	X(TW_KN_DLB, "tcp-check", "send-lf") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "tcp-check", "set-var") \
	X(TW_KN_DLB, "tcp-check", "set-var-fmt") \
	X(TW_KN_DLB | TW_KN_HEALTHCHECK, "tcp-check", "unset-var") \
	X(TW_KN_BIND | TW_KN_SERVER, "tcp-md5sig", "") \
	X(TW_KN_DFLB, "tcp-request", "") \
	X(TW_KN_DFL, "tcp-request", "connection") \
	X(TW_KN_DFLB, "tcp-request", "content") \
	X(TW_KN_DFLB, "tcp-request", "inspect-delay") \
	X(TW_KN_DFL, "tcp-request", "session") \
	X(TW_KN_DFL, "tcp-request connection", "accept") \
	X(TW_KN_DFL, "tcp-request connection", "do-log") \
	X(TW_KN_DFL, "tcp-request connection", "expect-netscaler-cip") \
	X(TW_KN_DFL, "tcp-request connection", "expect-proxy") \
	X(TW_KN_DFL, "tcp-request connection", "reject") \
	X(TW_KN_DFL, "tcp-request connection", "sc-add-gpc") \
	X(TW_KN_DFL, "tcp-request connection", "sc-inc-gpc") \
	X(TW_KN_DFL, "tcp-request connection", "sc-inc-gpc0") \
	X(TW_KN_DFL, "tcp-request connection", "sc-inc-gpc1") \
	X(TW_KN_DFL, "tcp-request connection", "sc-set-gpt") \
	X(TW_KN_DFL, "tcp-request connection", "sc-set-gpt0") \
	X(TW_KN_DFL, "tcp-request connection", "set-dst") \
	X(TW_KN_DFL, "tcp-request connection", "set-dst-port") \
	X(TW_KN_DFL, "tcp-request connection", "set-fc-mark") \
	X(TW_KN_DFL, "tcp-request connection", "set-fc-tos") \
	X(TW_KN_DFL, "tcp-request connection", "set-mark") \
	X(TW_KN_DFL, "tcp-request connection", "set-src") \
	X(TW_KN_DFL, "tcp-request connection", "set-src-port") \
	X(TW_KN_DFL, "tcp-request connection", "set-tos") \
	X(TW_KN_DFL, "tcp-request connection", "set-var") \
	X(TW_KN_DFL, "tcp-request connection", "set-var-fmt") \
	X(TW_KN_DFL, "tcp-request connection", "silent-drop") \
	X(TW_KN_DFL, "tcp-request connection", "track-sc0") \
	X(TW_KN_DFL, "tcp-request connection", "track-sc1") \
	X(TW_KN_DFL, "tcp-request connection", "track-sc2") \
	X(TW_KN_DFL, "tcp-request connection", "unset-var") \
	X(TW_KN_DFLB, "tcp-request content", "accept") \
	X(TW_KN_DFLB, "tcp-request content", "capture") \
	X(TW_KN_DFLB, "tcp-request content", "do-log") \
	X(TW_KN_DFLB, "tcp-request content", "do-resolve") \
	X(TW_KN_DFLB, "tcp-request content", "ot-group") \
	X(TW_KN_DFLB, "tcp-request content", "reject") \
	X(TW_KN_DFLB, "tcp-request content", "sc-add-gpc") \
	X(TW_KN_DFLB, "tcp-request content", "sc-inc-gpc") \
	X(TW_KN_DFLB, "tcp-request content", "sc-inc-gpc0") \
	X(TW_KN_DFLB, "tcp-request content", "sc-inc-gpc1") \
	X(TW_KN_DFLB, "tcp-request content", "sc-set-gpt") \
	X(TW_KN_DFLB, "tcp-request content", "sc-set-gpt0") \
	X(TW_KN_DFLB, "tcp-request content", "send-spoe-group") \
	X(TW_KN_DFLB, "tcp-request content", "set-bandwidth-limit") \
	X(TW_KN_DFLB, "tcp-request content", "set-bc-mark") \
	X(TW_KN_DFLB, "tcp-request content", "set-bc-tos") \
	X(TW_KN_DFLB, "tcp-request content", "set-dst") \
	X(TW_KN_DFLB, "tcp-request content", "set-dst-port") \
	X(TW_KN_DFLB, "tcp-request content", "set-fc-mark") \
	X(TW_KN_DFLB, "tcp-request content", "set-fc-tos") \
	X(TW_KN_DFLB, "tcp-request content", "set-log-level") \
	X(TW_KN_DFLB, "tcp-request content", "set-mark") \
	X(TW_KN_DFLB, "tcp-request content", "set-nice") \
	X(TW_KN_DFLB, "tcp-request content", "set-priority-class") \
	X(TW_KN_DFLB, "tcp-request content", "set-priority-offset") \
	X(TW_KN_DFLB, "tcp-request content", "set-retries") \
	X(TW_KN_DFLB, "tcp-request content", "set-src") \
	X(TW_KN_DFLB, "tcp-request content", "set-src-port") \
	X(TW_KN_DFLB, "tcp-request content", "set-tos") \
	X(TW_KN_DFLB, "tcp-request content", "set-var") \
	X(TW_KN_DFLB, "tcp-request content", "set-var-fmt") \
	X(TW_KN_DFLB, "tcp-request content", "silent-drop") \
	X(TW_KN_DFLB, "tcp-request content", "switch-mode") \
	X(TW_KN_DFLB, "tcp-request content", "track-sc0") \
	X(TW_KN_DFLB, "tcp-request content", "track-sc1") \
	X(TW_KN_DFLB, "tcp-request content", "track-sc2") \
	X(TW_KN_DFLB, "tcp-request content", "unset-var") \
	X(TW_KN_DFLB, "tcp-request content", "use-service") \
	X(TW_KN_DFL, "tcp-request session", "accept") \
	X(TW_KN_DFL, "tcp-request session", "attach-srv") \
	X(TW_KN_DFL, "tcp-request session", "do-log") \
	X(TW_KN_DFL, "tcp-request session", "reject") \
	X(TW_KN_DFL, "tcp-request session", "sc-add-gpc") \
	X(TW_KN_DFL, "tcp-request session", "sc-inc-gpc") \
	X(TW_KN_DFL, "tcp-request session", "sc-inc-gpc0") \
	X(TW_KN_DFL, "tcp-request session", "sc-inc-gpc1") \
	X(TW_KN_DFL, "tcp-request session", "sc-set-gpt") \
	X(TW_KN_DFL, "tcp-request session", "sc-set-gpt0") \
	X(TW_KN_DFL, "tcp-request session", "set-dst") \
	X(TW_KN_DFL, "tcp-request session", "set-dst-port") \
	X(TW_KN_DFL, "tcp-request session", "set-fc-mark") \
	X(TW_KN_DFL, "tcp-request session", "set-fc-tos") \
	X(TW_KN_DFL, "tcp-request session", "set-mark") \
	X(TW_KN_DFL, "tcp-request session", "set-src") \
	X(TW_KN_DFL, "tcp-request session", "set-src-port") \
	X(TW_KN_DFL, "tcp-request session", "set-tos") \
	X(TW_KN_DFL, "tcp-request session", "set-var") \
	X(TW_KN_DFL, "tcp-request session", "set-var-fmt") \
	X(TW_KN_DFL, "tcp-request session", "silent-drop") \
	X(TW_KN_DFL, "tcp-request session", "track-sc0") \
	X(TW_KN_DFL, "tcp-request session", "track-sc1") \
	X(TW_KN_DFL, "tcp-request session", "track-sc2") \
	X(TW_KN_DFL, "tcp-request session", "unset-var") \
	X(TW_KN_DLB, "tcp-response", "") \
	X(TW_KN_DLB, "tcp-response", "content") \
	X(TW_KN_DLB, "tcp-response", "inspect-delay") \
	X(TW_KN_DLB, "tcp-response content", "accept") \
	X(TW_KN_DLB, "tcp-response content", "close") \
	X(TW_KN_DLB, "tcp-response content", "do-log") \
	X(TW_KN_DLB, "tcp-response content", "ot-group") \
	X(TW_KN_DLB, "tcp-response content", "reject") \
	X(TW_KN_DLB, "tcp-response content", "sc-add-gpc") \
	X(TW_KN_DLB, "tcp-response content", "sc-inc-gpc") \
	X(TW_KN_DLB, "tcp-response content", "sc-inc-gpc0") \
	X(TW_KN_DLB, "tcp-response content", "sc-inc-gpc1") \
	X(TW_KN_DLB, "tcp-response content", "sc-set-gpt") \
	X(TW_KN_DLB, "tcp-response content", "sc-set-gpt0") \
	X(TW_KN_DLB, "tcp-response content", "send-spoe-group") \
	X(TW_KN_DLB, "tcp-response content", "set-bandwidth-limit") \
	X(TW_KN_DLB, "tcp-response content", "set-fc-mark") \
	X(TW_KN_DLB, "tcp-response content", "set-fc-tos") \
	X(TW_KN_DLB, "tcp-response content", "set-log-level") \
	X(TW_KN_DLB, "tcp-response content", "set-mark") \
	X(TW_KN_DLB, "tcp-response content", "set-nice") \
	X(TW_KN_DLB, "tcp-response content", "set-tos") \
	X(TW_KN_DLB, "tcp-response content", "set-var") \
	X(TW_KN_DLB, "tcp-response content", "set-var-fmt") \
	X(TW_KN_DLB, "tcp-response content", "silent-drop") \
	X(TW_KN_DLB, "tcp-response content", "unset-var") \
	X(TW_KN_BIND, "tcp-ss", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "tcp-ut", "") \
	X(TW_KN_CONVERTER, "tcp.dst", "") \
	X(TW_KN_CONVERTER, "tcp.flags", "") \
	X(TW_KN_CONVERTER, "tcp.options.mss", "") \
	X(TW_KN_CONVERTER, "tcp.options.sack", "") \
	X(TW_KN_CONVERTER, "tcp.options.tsopt", "") \
	X(TW_KN_CONVERTER, "tcp.options.tsval", "") \
	X(TW_KN_CONVERTER, "tcp.options.wscale", "") \
	X(TW_KN_CONVERTER, "tcp.options.wsopt", "") \
	X(TW_KN_CONVERTER, "tcp.options_list", "") \
	X(TW_KN_CONVERTER, "tcp.seq", "") \
	X(TW_KN_CONVERTER, "tcp.src", "") \
	X(TW_KN_CONVERTER, "tcp.win", "") \
	X(TW_KN_FETCH, "term_events", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "tfo", "") \
	X(TW_KN_FETCH, "tgroup", "") \
	X(TW_KN_BIND | TW_KN_FETCH, "thread", "") \
	X(TW_KN_GLOBAL, "thread-group", "") \
	X(TW_KN_GLOBAL, "thread-groups", "") \
	X(TW_KN_GLOBAL, "thread-hard-limit", "") \
	X(TW_KN_DFLB | TW_KN_RESOLVERS | TW_KN_MAILERS | TW_KN_RING | \
	  TW_KN_LOG_FORWARD, "timeout", "") \
	X(TW_KN_DLB, "timeout", "check") \
	X(TW_KN_DFL | TW_KN_LOG_FORWARD, "timeout", "client") \
	X(TW_KN_DFL, "timeout", "client-fin") \
	X(TW_KN_DFL, "timeout", "client-hs") \
	X(TW_KN_DLB | TW_KN_RING, "timeout", "connect") \
	X(TW_KN_DFLB, "timeout", "http-keep-alive") \
	X(TW_KN_DFLB, "timeout", "http-request") \
	X(TW_KN_MAILERS, "timeout", "mail") \
	X(TW_KN_DLB, "timeout", "queue") \
	X(TW_KN_RESOLVERS, "timeout", "resolve") \
	X(TW_KN_RESOLVERS, "timeout", "retry") \
	X(TW_KN_DLB | TW_KN_RING, "timeout", "server") \
	X(TW_KN_DLB, "timeout", "server-fin") \
	X(TW_KN_DFLB, "timeout", "tarpit") \
	X(TW_KN_DLB, "timeout", "tunnel") \
	X(TW_KN_BIND, "tls-ticket-keys", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "tls-tickets", "") \
	X(TW_KN_CACHE, "total-max-size", "") \
	X(TW_KN_LOGVAR, "tr", "") \
	X(TW_KN_TRACES, "trace", "") \
	X(TW_KN_SECTION, "traces", "") \
	X(TW_KN_SERVER, "track", "") \
	X(TW_KN_DLB | TW_KN_BIND, "transparent", "") \
	X(TW_KN_LOGVAR, "trg", "") \
	X(TW_KN_LOGVAR, "trl", "") \
	X(TW_KN_LOGVAR, "ts", "") \
	X(TW_KN_LOGVAR, "tsc", "") \
	X(TW_KN_GLOBAL, "tune.applet.zero-copy-forwarding", "") \
	X(TW_KN_GLOBAL, "tune.buffers.limit", "") \
	X(TW_KN_GLOBAL, "tune.buffers.reserve", "") \
	X(TW_KN_GLOBAL, "tune.bufsize", "") \
	X(TW_KN_GLOBAL, "tune.bufsize.large", "") \
	X(TW_KN_GLOBAL, "tune.bufsize.small", "") \
	X(TW_KN_GLOBAL, "tune.cli.max-payload-size", "") \
	X(TW_KN_GLOBAL, "tune.comp.maxlevel", "") \
	X(TW_KN_GLOBAL, "tune.defaults.purge", "") \
	X(TW_KN_GLOBAL, "tune.disable-fast-forward", "") \
	X(TW_KN_GLOBAL, "tune.disable-zero-copy-forwarding", "") \
	X(TW_KN_GLOBAL, "tune.epoll.mask-events", "") \
	X(TW_KN_GLOBAL, "tune.events.max-events-at-once", "") \
	X(TW_KN_GLOBAL, "tune.fail-alloc", "") \
	X(TW_KN_GLOBAL, "tune.fd.edge-triggered", "") \
	X(TW_KN_GLOBAL, "tune.glitches.kill.cpu-usage", "") \
	X(TW_KN_GLOBAL, "tune.h1.be.glitches-threshold", "") \
	X(TW_KN_GLOBAL, "tune.h1.fe.glitches-threshold", "") \
	X(TW_KN_GLOBAL, "tune.h1.zero-copy-fwd-recv", "") \
	X(TW_KN_GLOBAL, "tune.h1.zero-copy-fwd-send", "") \
	X(TW_KN_GLOBAL, "tune.h2.be.glitches-threshold", "") \
	X(TW_KN_GLOBAL, "tune.h2.be.initial-window-size", "") \
	X(TW_KN_GLOBAL, "tune.h2.be.max-concurrent-streams", "") \
	X(TW_KN_GLOBAL, "tune.h2.be.max-frames-at-once", "") \
	X(TW_KN_GLOBAL, "tune.h2.be.rxbuf", "") \
	X(TW_KN_GLOBAL, "tune.h2.fe.glitches-threshold", "") \
	X(TW_KN_GLOBAL, "tune.h2.fe.initial-window-size", "") \
	X(TW_KN_GLOBAL, "tune.h2.fe.max-concurrent-streams", "") \
	X(TW_KN_GLOBAL, "tune.h2.fe.max-frames-at-once", "") \
	X(TW_KN_GLOBAL, "tune.h2.fe.max-rst-at-once", "") \
	X(TW_KN_GLOBAL, "tune.h2.fe.max-total-streams", "") \
	X(TW_KN_GLOBAL, "tune.h2.fe.rxbuf", "") \
	X(TW_KN_GLOBAL, "tune.h2.header-table-size", "") \
	X(TW_KN_GLOBAL, "tune.h2.initial-window-size", "") \
	X(TW_KN_GLOBAL, "tune.h2.log-errors", "") \
	X(TW_KN_GLOBAL, "tune.h2.max-concurrent-streams", "") \
	X(TW_KN_GLOBAL, "tune.h2.max-frame-size", "") \
	X(TW_KN_GLOBAL, "tune.h2.zero-copy-fwd-send", "") \
	X(TW_KN_GLOBAL, "tune.http.cookielen", "") \
	X(TW_KN_GLOBAL, "tune.http.logurilen", "") \
	X(TW_KN_GLOBAL, "tune.http.maxhdr", "") \
	X(TW_KN_GLOBAL, "tune.idle-pool.shared", "") \
	X(TW_KN_GLOBAL, "tune.idletimer", "") \
	X(TW_KN_GLOBAL, "tune.listener.default-shards", "") \
	X(TW_KN_GLOBAL, "tune.listener.multi-queue", "") \
	X(TW_KN_GLOBAL, "tune.lua.bool-sample-conversion", "") \
	X(TW_KN_GLOBAL, "tune.lua.burst-timeout", "") \
	X(TW_KN_GLOBAL, "tune.lua.forced-yield", "") \
	X(TW_KN_GLOBAL, "tune.lua.log.loggers", "") \
	X(TW_KN_GLOBAL, "tune.lua.log.stderr", "") \
	X(TW_KN_GLOBAL, "tune.lua.maxmem", "") \
	X(TW_KN_GLOBAL, "tune.lua.openlibs", "") \
	X(TW_KN_GLOBAL, "tune.lua.service-timeout", "") \
	X(TW_KN_GLOBAL, "tune.lua.session-timeout", "") \
	X(TW_KN_GLOBAL, "tune.lua.task-timeout", "") \
	X(TW_KN_GLOBAL, "tune.max-checks-per-thread", "") \
	X(TW_KN_GLOBAL, "tune.max-rules-at-once", "") \
	X(TW_KN_GLOBAL, "tune.maxaccept", "") \
	X(TW_KN_GLOBAL, "tune.maxpollevents", "") \
	X(TW_KN_GLOBAL, "tune.maxrewrite", "") \
	X(TW_KN_GLOBAL, "tune.memory.hot-size", "") \
	X(TW_KN_GLOBAL, "tune.notsent-lowat.client", "") \
	X(TW_KN_GLOBAL, "tune.notsent-lowat.server", "") \
	X(TW_KN_GLOBAL, "tune.pattern.cache-size", "") \
	X(TW_KN_GLOBAL, "tune.peers.max-updates-at-once", "") \
	X(TW_KN_GLOBAL, "tune.pipesize", "") \
	X(TW_KN_GLOBAL, "tune.pool-high-fd-ratio", "") \
	X(TW_KN_GLOBAL, "tune.pool-low-fd-ratio", "") \
	X(TW_KN_GLOBAL, "tune.pt.zero-copy-forwarding", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.cc.cubic-min-losses", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.cc.hystart", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.cc.max-frame-loss", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.cc.max-win-size", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.cc.reorder-ratio", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.max-idle-timeout", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.sec.glitches-threshold", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.stream.data-ratio", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.stream.max-concurrent", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.stream.rxbuf", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.tx.pacing", "") \
	X(TW_KN_GLOBAL, "tune.quic.be.tx.udp-gso", "") \
	X(TW_KN_GLOBAL, "tune.quic.cc-hystart", "") \
	X(TW_KN_GLOBAL, "tune.quic.cc.cubic.min-losses", "") \
	X(TW_KN_GLOBAL, "tune.quic.disable-tx-pacing", "") \
	X(TW_KN_GLOBAL, "tune.quic.disable-udp-gso", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.cc.cubic-min-losses", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.cc.hystart", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.cc.max-frame-loss", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.cc.max-win-size", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.cc.reorder-ratio", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.max-idle-timeout", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.sec.glitches-threshold", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.sec.retry-threshold", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.sock-per-conn", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.stream.data-ratio", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.stream.max-concurrent", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.stream.max-total", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.stream.rxbuf", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.tx.pacing", "") \
	X(TW_KN_GLOBAL, "tune.quic.fe.tx.udp-gso", "") \
	X(TW_KN_GLOBAL, "tune.quic.frontend.conn-tx-buffers.limit", "") \
	X(TW_KN_GLOBAL, "tune.quic.frontend.default-max-window-size", "") \
	X(TW_KN_GLOBAL, "tune.quic.frontend.glitches-threshold", "") \
	X(TW_KN_GLOBAL, "tune.quic.frontend.max-data-size", "") \
	X(TW_KN_GLOBAL, "tune.quic.frontend.max-idle-timeout", "") \
	X(TW_KN_GLOBAL, "tune.quic.frontend.max-streams-bidi", "") \
	X(TW_KN_GLOBAL, "tune.quic.frontend.max-tx-mem", "") \
	X(TW_KN_GLOBAL, "tune.quic.frontend.stream-data-ratio", "") \
	X(TW_KN_GLOBAL, "tune.quic.listen", "") \
	X(TW_KN_GLOBAL, "tune.quic.max-frame-loss", "") \
	X(TW_KN_GLOBAL, "tune.quic.mem.tx-max", "") \
	X(TW_KN_GLOBAL, "tune.quic.reorder-ratio", "") \
	X(TW_KN_GLOBAL, "tune.quic.retry-threshold", "") \
	X(TW_KN_GLOBAL, "tune.quic.socket-owner", "") \
	X(TW_KN_GLOBAL, "tune.quic.zero-copy-fwd-send", "") \
	X(TW_KN_GLOBAL, "tune.rcvbuf.backend", "") \
	X(TW_KN_GLOBAL, "tune.rcvbuf.client", "") \
	X(TW_KN_GLOBAL, "tune.rcvbuf.frontend", "") \
	X(TW_KN_GLOBAL, "tune.rcvbuf.server", "") \
	X(TW_KN_GLOBAL, "tune.recv_enough", "") \
	X(TW_KN_GLOBAL, "tune.renice.runtime", "") \
	X(TW_KN_GLOBAL, "tune.renice.startup", "") \
	X(TW_KN_GLOBAL, "tune.ring.queues", "") \
	X(TW_KN_GLOBAL, "tune.runqueue-depth", "") \
	X(TW_KN_GLOBAL, "tune.sched.low-latency", "") \
	X(TW_KN_GLOBAL, "tune.sndbuf.backend", "") \
	X(TW_KN_GLOBAL, "tune.sndbuf.client", "") \
	X(TW_KN_GLOBAL, "tune.sndbuf.frontend", "") \
	X(TW_KN_GLOBAL, "tune.sndbuf.server", "") \
	X(TW_KN_GLOBAL, "tune.ssl.cachesize", "") \
	X(TW_KN_GLOBAL, "tune.ssl.capture-buffer-size", "") \
	X(TW_KN_GLOBAL, "tune.ssl.capture-cipherlist-size", "") \
	X(TW_KN_GLOBAL, "tune.ssl.certificate-compression", "") \
	X(TW_KN_GLOBAL, "tune.ssl.default-dh-param", "") \
	X(TW_KN_GLOBAL, "tune.ssl.force-private-cache", "") \
	X(TW_KN_GLOBAL, "tune.ssl.hard-maxrecord", "") \
	X(TW_KN_GLOBAL, "tune.ssl.keylog", "") \
	X(TW_KN_GLOBAL, "tune.ssl.lifetime", "") \
	X(TW_KN_GLOBAL, "tune.ssl.maxrecord", "") \
	X(TW_KN_GLOBAL, "tune.ssl.ocsp-update.maxdelay", "") \
	X(TW_KN_GLOBAL, "tune.ssl.ocsp-update.mindelay", "") \
	X(TW_KN_GLOBAL, "tune.ssl.ssl-ctx-cache-size", "") \
	X(TW_KN_GLOBAL, "tune.stick-counters", "") \
	X(TW_KN_GLOBAL, "tune.streams-elasticity", "") \
	X(TW_KN_GLOBAL, "tune.takeover-other-tg-connections", "") \
	X(TW_KN_GLOBAL, "tune.vars.check-max-size", "") \
	X(TW_KN_GLOBAL, "tune.vars.global-max-size", "") \
	X(TW_KN_GLOBAL, "tune.vars.proc-max-size", "") \
	X(TW_KN_GLOBAL, "tune.vars.reqres-max-size", "") \
	X(TW_KN_GLOBAL, "tune.vars.sess-max-size", "") \
	X(TW_KN_GLOBAL, "tune.vars.txn-max-size", "") \
	X(TW_KN_GLOBAL, "tune.zlib.memlevel", "") \
	X(TW_KN_GLOBAL, "tune.zlib.windowsize", "") \
	X(TW_KN_FETCH, "txn.conn_retries", "") \
	X(TW_KN_FETCH, "txn.id32", "") \
	X(TW_KN_FETCH, "txn.redispatched", "") \
	X(TW_KN_FETCH, "txn.sess_term_state", "") \
	X(TW_KN_FETCH, "txn.status", "") \
	X(TW_KN_FETCH, "txn.timer.total", "") \
	X(TW_KN_FETCH, "txn.timer.user", "") \
	X(TW_KN_HEALTHCHECK, "type", "") \
	X(TW_KN_CONVERTER, "ub64dec", "") \
	X(TW_KN_CONVERTER, "ub64enc", "") \
	X(TW_KN_GLOBAL | TW_KN_BIND, "uid", "") \
	X(TW_KN_GLOBAL, "ulimit-n", "") \
	X(TW_KN_CONVERTER, "ungrpc", "") \
	X(TW_KN_FETCH, "unique-id", "") \
	X(TW_KN_DFL, "unique-id-format", "") \
	X(TW_KN_DFL, "unique-id-header", "") \
	X(TW_KN_GLOBAL, "unix-bind", "") \
	X(TW_KN_CONVERTER, "unset-var", "") \
	X(TW_KN_GLOBAL, "unsetenv", "") \
	X(TW_KN_CONVERTER, "upper", "") \
	X(TW_KN_FETCH, "uptime", "") \
	X(TW_KN_FETCH, "url", "") \
	X(TW_KN_FETCH, "url32", "") \
	X(TW_KN_FETCH, "url32+src", "") \
	X(TW_KN_ACL, "url_beg", "") \
	X(TW_KN_CONVERTER, "url_dec", "") \
	X(TW_KN_ACL, "url_dir", "") \
	X(TW_KN_ACL, "url_dom", "") \
	X(TW_KN_CONVERTER, "url_enc", "") \
	X(TW_KN_ACL, "url_end", "") \
	X(TW_KN_FETCH, "url_ip", "") \
	X(TW_KN_ACL, "url_len", "") \
	X(TW_KN_FETCH, "url_param", "") \
	X(TW_KN_FETCH, "url_port", "") \
	X(TW_KN_ACL, "url_reg", "") \
	X(TW_KN_ACL, "url_sub", "") \
	X(TW_KN_FETCH, "urlp", "") \
	X(TW_KN_ACL, "urlp_beg", "") \
	X(TW_KN_ACL, "urlp_dir", "") \
	X(TW_KN_ACL, "urlp_dom", "") \
	X(TW_KN_ACL, "urlp_end", "") \
	X(TW_KN_ACL, "urlp_len", "") \
	X(TW_KN_ACL, "urlp_reg", "") \
	X(TW_KN_FETCH, "urlp_val", "") \
	X(TW_KN_CONVERTER, "us_ltime", "") \
	X(TW_KN_CONVERTER, "us_utime", "") \
	X(TW_KN_LB, "use-fcgi-app", "") \
	X(TW_KN_LB, "use-server", "") \
	X(TW_KN_FL, "use_backend", "") \
	X(TW_KN_GLOBAL | TW_KN_USERLIST | TW_KN_BIND, "user", "") \
	X(TW_KN_SECTION, "userlist", "") \
	X(TW_KN_SERVER, "usesrc", "") \
	X(TW_KN_CONVERTER, "utime", "") \
	X(TW_KN_FETCH, "uuid", "") \
	X(TW_KN_BIND, "v4v6", "") \
	X(TW_KN_BIND, "v6only", "") \
	X(TW_KN_FETCH, "var", "") \
	X(TW_KN_BIND | TW_KN_SERVER, "verify", "") \
	X(TW_KN_SERVER, "verifyhost", "") \
	X(TW_KN_FETCH, "wait_end", "") \
	X(TW_KN_FETCH, "waiting_entity", "") \
	X(TW_KN_GLOBAL, "warn-blocked-traffic-after", "") \
	X(TW_KN_SERVER, "weight", "") \
	X(TW_KN_CONVERTER, "when", "") \
	X(TW_KN_CONVERTER, "word", "") \
	X(TW_KN_SERVER, "ws", "") \
	X(TW_KN_CONVERTER, "wt6", "") \
	X(TW_KN_GLOBAL, "wurfl-cache-size", "") \
	X(TW_KN_GLOBAL, "wurfl-data-file", "") \
	X(TW_KN_GLOBAL, "wurfl-information-list", "") \
	X(TW_KN_GLOBAL, "wurfl-information-list-separator", "") \
	X(TW_KN_GLOBAL, "wurfl-patch-file", "") \
	X(TW_KN_CONVERTER, "x509_v_err_str", "") \
	X(TW_KN_CONVERTER, "xor", "") \
	X(TW_KN_CONVERTER, "xxh3", "") \
	X(TW_KN_CONVERTER, "xxh32", "") \
	X(TW_KN_CONVERTER, "xxh64", "") \
	X(TW_KN_GLOBAL, "zero-warning", "")

#endif
