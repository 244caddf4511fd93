/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * report.c - what is wrong with a configuration, told in HAProxy's shape.
 *
 * A word at fault is shown in its source line with a caret below it. Of long
 * lines the part around the word is shown. Control bytes are blanked, so that
 * the caret stands right and a terminal obeys nothing. Control thread.
 */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/str.h>
#include "core/base/oplog.h"
#include "core/run/gen.h"

#define SHOWN_COLUMNS 74
#define TEXT_BYTES 2048

/* Keeps a copy for who asks later; the text grows by doubling. */
static void
report_keep(struct tw_report *r, const char *text, size_t len)
{
	if (r->text_len + len + 1 > r->text_cap) {
		size_t cap = r->text_cap ? r->text_cap : 1024;

		while (cap < r->text_len + len + 1)
			cap *= 2;
		r->text = realloc(r->text, cap);
		TW_ASSERT(r->text != NULL);
		r->text_cap = cap;
	}
	memcpy(r->text + r->text_len, text, len);
	r->text_len += len;
	r->text[r->text_len] = '\0';
}

static char
shown(char c)
{
	const unsigned char u = (unsigned char)c;

	if (u == '\t')
		return ' ';
	return u < ' ' || u == 0x7f ? '?' : c;
}

/* The source line without its indentation, and the caret. */
static void
out_source(struct tw_out *o, const char *raw, int column)
{
	int from = (int)strspn(raw, " \t");
	const int len = (int)strlen(raw);

	if (column > len)
		column = len;
	if (column < from)
		column = from;
	const bool cut = column - from > SHOWN_COLUMNS * 2 / 3;
	if (cut)
		from = column - SHOWN_COLUMNS / 2;
	const int to = len - from > SHOWN_COLUMNS ? from + SHOWN_COLUMNS : len;
	tw_out_str(o, tw_str_of(cut ? "  ..." : "  "));
	for (int i = from; i < to; i++)
		tw_out_char(o, shown(raw[i]));
	tw_out_str(o, tw_str_of(to < len ? "...\n  " : "\n  "));
	for (int i = from - (cut ? 3 : 0); i < column; i++)
		tw_out_char(o, ' ');
	tw_out_lit(o, "^\n");
}

static void
out_text(struct tw_out *o, const char *text)
{
	for (; *text != '\0'; text++)
		tw_out_char(o, *text == '\n' || *text == '\t' ? *text : shown(*text));
	tw_out_char(o, '\n');
}

static void
count(struct tw_report *r, enum tw_level level)
{
	if (level == TW_ALERT)
		r->n_errors++;
	else if (level == TW_WARNING)
		r->n_warnings++;
}

void
tw__report_add(struct tw_report *r, bool is_error, const char *file, int line,
    const char *raw, int column, const char *text)
{
	tw__report_level(
	    r, is_error ? TW_ALERT : TW_WARNING, file, line, raw, column, text);
}

void
tw__report_level(struct tw_report *r, enum tw_level level, const char *file, int line,
    const char *raw, int column, const char *text)
{
	char buf[TEXT_BYTES + SHOWN_COLUMNS * 4 + 512];
	struct tw_out o = tw_out_of(buf, sizeof(buf));

	count(r, level);
	tw__oplog_tag(&o, level);
	tw_out_lit(&o, "config : ");
	if (file != NULL && line > 0)
		tw_out_printf(&o, "parsing [%.255s:%d] : ", file, line);
	else if (file != NULL)
		tw_out_printf(&o, "[%.255s] : ", file);
	out_text(&o, text);
	if (raw != NULL && column >= 0)
		out_source(&o, raw, column);
	const size_t len = (size_t)(o.p - buf);
	report_keep(r, buf, len);
	if (r->to != NULL && (level == TW_ALERT || !r->quiet_warnings)) {
		fwrite(buf, 1, len, r->to);
		fflush(r->to);
	}
}

/* The words of the next message. returns: what follows; NULL: there is none. */
static const char *
message_next(const char *from, struct tw_str *words)
{
	static const char mark[] = "config : ", place[] = "[cli] : ";
	const char *text = from != NULL ? strstr(from, mark) : NULL;

	if (text == NULL)
		return NULL;
	text += sizeof(mark) - 1;
	if (strncmp(text, place, sizeof(place) - 1) == 0)
		text += sizeof(place) - 1;
	*words = (struct tw_str){ text, strcspn(text, "\n") };
	return text + words->len;
}

static const char *
line_after(const char *line)
{
	const char *const end = strchr(line, '\n');

	return end != NULL ? end + 1 : NULL;
}

void
tw__report_first(const struct tw_report *r, struct tw_err *err)
{
	static const char tag[] = "[ALERT]";
	const char *at = r->text;
	struct tw_str words;

	while (at != NULL && strncmp(at, tag, sizeof(tag) - 1) != 0)
		at = line_after(at);
	if (message_next(at, &words) == NULL)
		tw_err_set(err, "the line cannot be read");
	else
		tw_err_set(err, "%.*s", TW_STR_FMT(words));
}

void
tw__report_all(const struct tw_report *r, struct tw_err *err)
{
	struct tw_out o = tw_out_of(err->text, sizeof(err->text) - 1);
	const char *at = r->text;
	struct tw_str words;

	while ((at = message_next(at, &words)) != NULL)
		tw_out_printf(
		    &o, "%s%.*s", o.p == err->text ? "" : "\n", TW_STR_FMT(words));
	*o.p = '\0';
}

/* ---- for setters and checks ---- */

static void
line_report(const struct tw_line *ln, bool is_error, int i, const char *text)
{
	const struct tw__conf *conf = &ln->gen->conf;
	const int at = i < 0 ? ln->pos : ln->arg + i;
	int column = -1;

	if (conf->raw != NULL && conf->column != NULL && at < ln->n_words)
		column = conf->column[at];
	else if (conf->raw != NULL)
		column = (int)strlen(conf->raw);
	tw__report_add(
	    conf->report, is_error, ln->file, ln->number, conf->raw, column, text);
}

int
tw_line_fail(const struct tw_line *ln, int i, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_report(ln, true, i, text);
	return -1;
}

int
tw_line_warn(const struct tw_line *ln, int i, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_report(ln, false, i, text);
	return 0;
}

int
tw_gen_fail(struct tw_gen *gen, const char *file, int line, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tw__report_add(gen->conf.report, true, file, line, NULL, -1, text);
	return -1;
}

int
tw_gen_warn(struct tw_gen *gen, const char *file, int line, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (gen->conf.report == NULL) /* it runs */
		tw_log(TW_WARNING, "%s", text);
	else
		tw__report_add(gen->conf.report, false, file, line, NULL, -1, text);
	return 0;
}

bool
tw_gen_wants_hints(const struct tw_gen *gen)
{
	return gen->conf.report != NULL && gen->conf.report->wants_hints;
}

void
tw_gen_hint(struct tw_gen *gen, const char *file, int line, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list ap;

	if (!tw_gen_wants_hints(gen))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tw__report_level(gen->conf.report, TW_NOTICE, file, line, NULL, -1, text);
}

_Thread_local struct tw_arena *tw__conf_other_arena;

struct tw_arena *
tw_gen_arena(struct tw_gen *gen)
{
	return tw__conf_other_arena != NULL ? tw__conf_other_arena : gen->conf.arena;
}
