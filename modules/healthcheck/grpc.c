/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * grpc.c - `option grpc-check`: grpc.health.v1.Health/Check over HTTP/2.
 *
 * A request like that of an HTTP check, on a connection that speaks HTTP/2
 * whatever was agreed upon (mux.c). The message in the answer says how the server
 * is, and one that does not come is an error whatever its trailers say. source:
 * gRPC over HTTP/2; gRPC's health checking protocol.
 */
#include <stdio.h>

#include "kw.h"

#define MESSAGE_HEAD 5u /* not compressed, and its length */

/* ---- what is sent ---- */

static void
connect_add(struct tw_arena *arena, struct hc_set *set, const char *proto)
{
	struct hc_connect *const c =
	    &hc_rule_add(arena, set, HC_CONNECT, false)->u.connect;

	c->server_defaults = true;
	c->proto = proto;
}

/* HealthCheckRequest { service = 1 }, with its head. */
static struct tw_str
message_make(struct tw_arena *arena, const char *service)
{
	const size_t n = strlen(service), len = n > 0 ? n + 2 : 0;
	char mem[MESSAGE_HEAD + 2 + 100];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	tw_out_mem(&o, "\0\0\0\0", 4);
	tw_out_char(&o, (char)len);
	if (n > 0) {
		tw_out_char(&o, 0x0a);
		tw_out_char(&o, (char)n);
		tw_out_str(&o, tw_str_of(service));
	}
	return tw_arena_str(arena, (struct tw_str){ mem, (size_t)(o.p - mem) });
}

static void
send_add(struct tw_arena *arena, struct hc_set *set, const char *service,
    const char *authority)
{
	const char *const fields[][2] = {
		{ "host", authority },
		{ "content-type", "application/grpc" },
		{ "te", "trailers" },
		{ "user-agent", "tideway-grpc-check" },
	};
	struct hc_send *const s = &hc_rule_add(arena, set, HC_SEND, false)->u.send;

	s->is_http = true;
	s->method = "POST";
	s->uri.s = TW_STR("/grpc.health.v1.Health/Check");
	for (size_t i = 0; i < TW_N_ELEMENTS(fields); i++)
		hc_header_add(arena, s, tw_str_of(fields[i][0]))->value.s =
		    tw_arena_str(arena, tw_str_of(fields[i][1]));
	s->has_body = true;
	s->body.s = message_make(arena, service);
}

static int
word_take(struct tw_line *ln, int i, const char **to)
{
	const char *const arg = tw_arg(ln, i);

	if (arg == NULL)
		return tw_line_fail(
		    ln, i - 1, "'%s' needs a value after it", tw_arg(ln, i - 1));
	if (strlen(arg) > 100 || !hc_is_word(arg))
		return tw_line_fail(
		    ln, i, "'%s': write up to 100 characters without blanks", arg);
	*to = arg;
	return 0;
}

int
hc_line_grpc(struct tw_line *ln)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct hc_set *const set = hc_preset_begin(ln);
	const struct tw_proto *const mux = hc_mux_proto();
	const char *service = "", *authority = "localhost";

	if (mux == NULL)
		return tw_line_fail(ln, -1,
		    "'%s' needs the module h2: add 'module-load h2'", ln->kw->word);
	for (int i = 0; i < ln->n_args; i += 2) {
		const bool is_service = strcmp(tw_arg(ln, i), "service") == 0;

		if (!is_service && strcmp(tw_arg(ln, i), "authority") != 0)
			return tw_line_fail(ln, i,
			    "'%s' takes 'service <name>' and 'authority <name>', not "
			    "'%s'",
			    ln->kw->word, tw_arg(ln, i));
		if (word_take(ln, i + 1, is_service ? &service : &authority) < 0)
			return -1;
	}
	connect_add(arena, set, mux->name);
	send_add(arena, set, service, authority);
	hc_preset_expect(ln, set, hc_judge_grpc);
	return 0;
}

/* ---- what comes back ---- */

static enum tw_io
bad(struct tw_check_result *r, enum tw_chk what, const char *text)
{
	r->what = what;
	snprintf(r->text, sizeof(r->text), "%s", text);
	return TW_IO_ERR;
}

/* HealthCheckResponse { status = 1 }: a varint; absent, it is 0. Other fields
 * are skipped as far as they are varints. */
static enum tw_io
status_judge(struct tw_str m, struct tw_check_result *r)
{
	static const char *const names[] = { "UNKNOWN", "SERVING", "NOT_SERVING",
		"SERVICE_UNKNOWN" };
	unsigned status = 0;

	if (m.len >= 2 && m.p[0] == 0x08)
		status = (unsigned char)m.p[1];
	r->status = (uint16_t)status;
	snprintf(r->text, sizeof(r->text), "%s",
	    status < TW_N_ELEMENTS(names) ? names[status] : "unknown status");
	if (status == 1)
		return TW_IO_OK;
	r->what = TW_CHK_L7STS;
	return TW_IO_ERR;
}

/* In place of a message: what the status says, where the head has one. */
static enum tw_io
error_judge(const struct hc_head *head, struct tw_check_result *r)
{
	struct tw_str fields = head->fields, name, value;
	struct tw_str status = { NULL, 0 }, message = { NULL, 0 };

	while (hc_field_next(&fields, &name, &value)) {
		if (tw_str_eq(name, TW_STR("grpc-status")))
			status = value;
		else if (tw_str_eq(name, TW_STR("grpc-message")))
			message = value;
	}
	if (status.p == NULL)
		return bad(r, TW_CHK_L7STS, "an error instead of a message");
	r->what = TW_CHK_L7STS;
	snprintf(r->text, sizeof(r->text), "grpc-status %.*s%s%.*s", TW_STR_FMT(status),
	    message.len > 0 ? ": " : "", TW_STR_FMT(message));
	return TW_IO_ERR;
}

/* One whole message is expected. */
static enum tw_io
message_judge(struct tw_str d, bool eof, struct tw_check_result *r)
{
	const unsigned char *const h = (const unsigned char *)d.p;

	if (d.len < MESSAGE_HEAD)
		return eof ? bad(r, TW_CHK_L7RSP, "broken gRPC message") : TW_IO_AGAIN;
	const size_t len =
	    (size_t)h[1] << 24 | (size_t)h[2] << 16 | (size_t)h[3] << 8 | h[4];
	const bool is_short = len > d.len - MESSAGE_HEAD;
	if (h[0] != 0 || len > HC_ANSWER_MAX || (is_short && eof))
		return bad(r, TW_CHK_L7RSP, "broken gRPC message");
	return is_short ? TW_IO_AGAIN
			: status_judge((struct tw_str){ d.p + MESSAGE_HEAD, len }, r);
}

enum tw_io
hc_judge_grpc(const struct hc_answer *a, struct tw_check_result *r)
{
	struct hc_head head;
	const enum tw_io io = hc_head_parse(a->got, &head);

	if (io == TW_IO_AGAIN)
		return io;
	if (io == TW_IO_ERR)
		return bad(r, TW_CHK_L7RSP, "no answer in HTTP");
	if (head.status != 200) {
		r->status = head.status;
		return bad(r, TW_CHK_L7STS, "no gRPC: the status is not 200");
	}
	if (head.body.len == 0)
		return a->eof ? error_judge(&head, r) : TW_IO_AGAIN;
	return message_judge(head.body, a->eof, r);
}
