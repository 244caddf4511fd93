/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kw.h - the setters of the module's keywords; the table is in hc_kw.c.
 */
#ifndef HEALTHCHECK_KW_H
#define HEALTHCHECK_KW_H

#include "hc.h"

/* section.c */
/** hc_conf_of_line - what a line's check is for: a section, or a proxy. */
struct hc_proxy *hc_conf_of_line(const struct tw_line *ln);
/** hc_type_of_line - "httpchk" of `option httpchk` and of `type httpchk`. */
const char *hc_type_of_line(const struct tw_line *ln);
int hc_line_type(struct tw_line *ln);

/* rule_kw.c */
int hc_line_comment(struct tw_line *ln);
int hc_line_connect(struct tw_line *ln);
int hc_line_tcp_send(struct tw_line *ln);
int hc_line_tcp_send_binary(struct tw_line *ln);
int hc_line_tcp_send_lf(struct tw_line *ln);
int hc_line_http_send(struct tw_line *ln);
int hc_line_expect(struct tw_line *ln);
int hc_line_other(struct tw_line *ln);
int hc_line_flag(struct tw_line *ln);
bool hc_is_word(const char *z);
bool hc_is_version(const char *z);
/** hc_header_add - returns: NULL: the body says it. */
struct hc_header *hc_header_add(struct tw_arena *arena, struct hc_send *s,
    struct tw_str name);

/* option_kw.c */
int hc_line_httpchk(struct tw_line *ln);
int hc_line_tcpchk(struct tw_line *ln);
int hc_line_external(struct tw_line *ln);

/* outlier.c */
int hc_line_outlier(struct tw_line *ln);

/* grpc.c */
int hc_line_grpc(struct tw_line *ln);

/* preset.c */
int hc_line_preset(struct tw_line *ln);
int hc_line_smtpchk(struct tw_line *ln);
int hc_line_mysql(struct tw_line *ln);
int hc_line_pgsql(struct tw_line *ln);
/** hc_preset_begin - the proxy's preset, empty. */
struct hc_set *hc_preset_begin(struct tw_line *ln);
void hc_preset_send(struct tw_line *ln, struct hc_set *set, struct tw_str bytes);
struct hc_expect *hc_preset_expect(struct tw_line *ln, struct hc_set *set,
    hc_judge *judge);

/* server_kw.c */
int hc_server_addr(struct tw_line *ln);
int hc_server_send(struct tw_line *ln);
int hc_server_inter(struct tw_line *ln);
int hc_server_observe(struct tw_line *ln);
int hc_server_on_error(struct tw_line *ln);
int hc_server_error_limit(struct tw_line *ln);
int hc_server_proto(struct tw_line *ln);
int hc_server_ssl(struct tw_line *ln);
int hc_server_sni_auto(struct tw_line *ln);
int hc_server_alpn(struct tw_line *ln);
int hc_server_track(struct tw_line *ln);

#endif
