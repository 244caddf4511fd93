/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * X(NAME, function, term, what) - the request's path, in order. term: the
 * second termination letter that a log shows when it ends here.
 */
X(ACCEPT, tw__step_accept, 'R', "limits, PROXY header; hook CONN")
X(HELLO, tw__step_hello, 'R', "TLS handshake; hook TLS_HELLO")
X(INSPECT, tw__step_inspect, 'R', "content rules while bytes arrive")
X(READ, tw__step_read, 'R', "one whole message head, or a 4xx")
X(REQUEST, tw__step_request, 'R', "rules and edits; hook REQUEST")
X(ROUTE, tw__step_route, 'R', "frontend to backend; hook ROUTE")
X(PICK, tw__step_pick, 'Q', "persistence, balance, queue; hook PICK")
X(CONNECT, tw__step_connect, 'C', "an idle connection or a new one; hook CONNECT_FAIL")
X(SEND, tw__step_send, 'C', "head out, body follows; hook SEND")
X(RESPONSE, tw__step_response, 'H', "response head in; hook RESPONSE")
X(DELIVER, tw__step_deliver, 'D', "head and bodies, both ways")
X(REPLY, tw__step_reply, 'L', "an answer of our own")
X(SERVE, tw__step_serve, 'D', "a service talks with the client; hook RESPONSE")
X(LOG, tw__step_log, '-', "one record; hook LOG; then the next request, or the end")
