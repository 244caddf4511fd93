/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * reply.h - the description of an answer, as deny, tarpit and return take it.
 */
#ifndef RULES_REPLY_H
#define RULES_REPLY_H

#include <tideway/action.h>

/** reply_parse - in: status, the usual one; deny: without more, the proxy's
 * page is meant. out: conf for reply_send. */
int reply_parse(struct tw_action_line *a, int status, bool deny, const void **conf);
/** reply_send - returns: DONE or FAIL. in: call->conf of reply_parse. */
enum tw_act reply_send(struct tw_req *req, const struct tw_action_call *call);
/** reply_page - answers with the proxy's page for a status and one field more.
 * in: name, p NULL: none. */
enum tw_act reply_page(struct tw_req *req, int status, struct tw_str name,
    struct tw_str value, const struct tw_origin *origin);

#endif
