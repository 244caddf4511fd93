/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * errors.c - `show errors`: the last bad message of each proxy. Control thread.
 *
 * Bytes are shown as HAProxy shows them: a line of the message in each line,
 * with its offset, what is not printable escaped. Beside the position of the byte
 * that is wrong, this names the reason.
 */
#include <stdio.h>
#include <time.h>

#include <tideway/assert.h>

#include "ctl.h"

#define LINE_BYTES 70 /* of a message's line, escaped, in each line */

struct dump {
	struct tw_gen *gen; /* holds */
	struct tw_cli *cli;
	uint32_t iid; /* 0: all */
	bool requests, responses;
	int next;
	const struct tw_proxy *px; /* whose message is told */
	enum tw_side side;
};

static void
date_write(struct tw_cli *cli, uint64_t wall_us)
{
	const time_t s = (time_t)(wall_us / 1000000);
	struct tm tm;
	char text[40];

	localtime_r(&s, &tm);
	strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &tm);
	tw_cli_printf(cli, "[%s.%03u]", text, (unsigned)(wall_us / 1000 % 1000));
}

static void
byte_out(struct tw_out *o, unsigned char c)
{
	static const char escaped[] = "\t\n\r\033\\", letter[] = "tnre\\";
	const char *const at = c != '\0' ? strchr(escaped, c) : NULL;

	if (at != NULL)
		tw_out_printf(o, "\\%c", letter[at - escaped]);
	else if (c < ' ' || c > '~')
		tw_out_printf(o, "\\x%02X", c);
	else
		tw_out_char(o, (char)c);
}

static void
bytes_write(struct tw_cli *cli, struct tw_str bytes)
{
	bool goes_on = false;

	for (size_t at = 0; at < bytes.len;) {
		char text[LINE_BYTES + 8];
		struct tw_out o = tw_out_of(text, sizeof(text));
		const size_t begin = at;

		while (at < bytes.len && o.p - text < LINE_BYTES) {
			byte_out(&o, (unsigned char)bytes.p[at]);
			if (bytes.p[at++] == '\n')
				break;
		}
		tw_cli_printf(cli, "  %05zu%c %.*s\n", begin, goes_on ? '+' : ' ',
		    (int)(o.p - text), text);
		goes_on = bytes.p[at - 1] != '\n';
	}
}

static void
named(struct tw_cli *cli, const char *kind, const char *name, int id)
{
	tw_cli_printf(
	    cli, "%s %s (#%d), ", kind, name[0] != '\0' ? name : "<NONE>", id);
}

static void
message_write(const struct tw_bad_message *m, void *arg)
{
	const struct dump *const d = arg;
	const bool is_request = d->side == TW_FRONTEND;
	char src[80];
	struct tw_out o = tw_out_of(src, sizeof(src) - 1);

	tw_addr_port_out(&o, &m->src);
	*o.p = '\0';
	tw_cli_printf(d->cli, " \n");
	date_write(d->cli, m->wall_us);
	tw_cli_printf(d->cli, " %s %s (#%u): invalid %s\n  ",
	    is_request ? "frontend" : "backend", tw_proxy_name(d->px),
	    (unsigned)tw_proxy_id(d->px), is_request ? "request" : "response");
	named(d->cli, is_request ? "backend" : "frontend", m->other, m->other_id);
	named(d->cli, "server", m->server, m->server_id);
	tw_cli_printf(d->cli, "event #%llu, src %s\n  len %zu, error",
	    (unsigned long long)m->event, src, m->bytes.len);
	if (m->at >= 0)
		tw_cli_printf(d->cli, " at position %lld", (long long)m->at);
	tw_cli_printf(d->cli, ": %s\n  \n", m->why != NULL ? m->why : "not HTTP");
	bytes_write(d->cli, m->bytes);
}

static void
dump_end(void *arg)
{
	struct dump *const d = arg;

	tw_gen_release(d->gen);
	free(d);
}

static bool
dump_step(struct tw_cli *cli, void *arg)
{
	struct dump *const d = arg;

	(void)cli;
	d->px = tw_gen_proxy(d->gen, d->next++);
	if (d->px == NULL)
		return false;
	if (d->iid != 0 && d->iid != tw_proxy_id(d->px))
		return true;
	d->side = TW_FRONTEND;
	if (d->requests)
		tw_proxy_bad_message(d->px, d->side, message_write, d);
	d->side = TW_BACKEND;
	if (d->responses)
		tw_proxy_bad_message(d->px, d->side, message_write, d);
	return true;
}

void
ctl_show_errors(struct tw_cli *cli, int argc, char *const argv[])
{
	const bool all = argc == 0 || strcmp(argv[0], "-1") == 0;
	const struct tw_proxy *const px = all ? NULL : ctl_proxy(argv[0]);
	const char *const kind = argc > 1 ? argv[1] : "";

	if (!all && px == NULL) {
		tw_cli_msg(cli, TW_ERR, "No such proxy.\n");
		return;
	}
	struct dump *const d = calloc(1, sizeof(*d));
	TW_ASSERT(d != NULL);
	*d = (struct dump){ .gen = tw_gen_running(),
		.cli = cli,
		.iid = px != NULL ? tw_proxy_id(px) : 0,
		.requests = strcmp(kind, "response") != 0,
		.responses = strcmp(kind, "request") != 0 };
	tw_gen_hold(d->gen);
	tw_cli_printf(cli, "Total events captured on ");
	date_write(cli, tw_wall_us());
	tw_cli_printf(cli, " : %llu\n", (unsigned long long)tw_bad_messages());
	tw_cli_stream(cli, dump_step, dump_end, d);
}
