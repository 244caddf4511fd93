/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * info.c - `show info`, in its four shapes. Control thread.
 *
 * info_fields.h has the lines. source: HAProxy's management guide, 9.2, "show
 * info" and "show schema json".
 */
#include <stdio.h>

#include "ctl.h"

/* What the core does not tell. */
struct extra {
	char uptime[48];
	double uptime_s, start_s;
};

enum kind { NUMBER, BIG, EXACT, TEXT };

struct line {
	const char *name, *tags, *text, *what;
	enum kind kind;
	uint64_t n;
	double f;
	int pos;
};

struct shape {
	bool desc, json, typed, exact;
	bool any; /* a line was written */
};

/* --- values --- */

static void
extra_fill(struct extra *x, const struct tw_process_info *p)
{
	const uint64_t s = p->uptime_s;

	*x = (struct extra){ .uptime_s = (double)p->uptime_us / 1e6 };
	x->start_s = (double)tw_wall_us() / 1e6 - x->uptime_s;
	snprintf(x->uptime, sizeof(x->uptime), "%llud %lluh%02llum%02llus",
	    (unsigned long long)(s / 86400), (unsigned long long)(s / 3600 % 24),
	    (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
}

/* --- shapes --- */

static const char *
origin_word(char c)
{
	return c == 'M' ? "Metric"
	    : c == 'S'  ? "Status"
	    : c == 'K'  ? "Key"
	    : c == 'C'  ? "Config"
			: "Product";
}

static const char *
nature_word(char c)
{
	return c == 'G' ? "Gauge"
	    : c == 'L'  ? "Limit"
	    : c == 'M'  ? "Max"
	    : c == 'R'  ? "Rate"
	    : c == 'C'  ? "Counter"
	    : c == 'D'  ? "Duration"
	    : c == 'a'  ? "Avg"
			: "Output";
}

static const char *
type_word(const struct line *l, const struct shape *s)
{
	return l->kind == TEXT             ? "str"
	    : l->kind == BIG               ? "u64"
	    : l->kind == EXACT && s->exact ? "flt"
					   : "u32";
}

static void
json_text(struct tw_cli *cli, const char *text)
{
	tw_cli_printf(cli, "\"");
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			tw_cli_printf(cli, "\\%c", *c);
		else if (*c < ' ')
			tw_cli_printf(cli, "\\u%04x", *c);
		else
			tw_cli_printf(cli, "%c", *c);
	}
	tw_cli_printf(cli, "\"");
}

static void
value_write(struct tw_cli *cli, const struct line *l, const struct shape *s)
{
	if (l->kind == TEXT && s->json)
		json_text(cli, l->text);
	else if (l->kind == TEXT)
		tw_cli_printf(cli, "%s", l->text);
	else if (l->kind == EXACT && s->exact)
		tw_cli_printf(cli, "%.6f", l->f);
	else
		tw_cli_printf(cli, "%llu", (unsigned long long)l->n);
}

static void
json_write(struct tw_cli *cli, const struct line *l, const struct shape *s)
{
	tw_cli_printf(cli,
	    "%s{\"field\":{\"pos\":%d,\"name\":\"%s\"},\"processNum\":1,"
	    "\"tags\":{\"origin\":\"%s\",\"nature\":\"%s\",\"scope\":\"%s\"},"
	    "\"value\":{\"type\":\"%s\",\"value\":",
	    s->any ? "," : "[", l->pos, l->name, origin_word(l->tags[0]),
	    nature_word(l->tags[1]), l->tags[2] == 'S' ? "Service" : "Process",
	    type_word(l, s));
	value_write(cli, l, s);
	tw_cli_printf(cli, "}}");
}

static void
line_write(struct tw_cli *cli, const struct line *l, struct shape *s)
{
	if (l->kind == TEXT && l->text == NULL)
		return;
	if (s->json) {
		json_write(cli, l, s);
		s->any = true;
		return;
	}
	if (s->typed)
		tw_cli_printf(
		    cli, "%d.%s.1:%s:%s:", l->pos, l->name, l->tags, type_word(l, s));
	else
		tw_cli_printf(cli, "%s: ", l->name);
	value_write(cli, l, s);
	tw_cli_printf(cli, s->desc ? ":\"%s\"\n" : "\n", l->what);
}

/* Calls fn with each line. */
static void
lines_each(const struct tw_process_info *p, const struct extra *x,
    void (*fn)(const struct line *l, void *arg), void *arg)
{
	/* clang-format off */
	const struct line lines[] = {
#define NONE { .name = NULL },
#define L(name, tags, text, what, kind, n, f) \
	{ name, tags, text, what, kind, (uint64_t)(n), (double)(f), 0 },
#define N(name, tags, value, what) L(name, tags, NULL, what, NUMBER, value, 0)
#define U(name, tags, value, what) L(#name, tags, NULL, what, NUMBER, value, 0)
#define B(name, tags, value, what) L(#name, tags, NULL, what, BIG, value, 0)
#define F(name, tags, value, what) L(#name, tags, NULL, what, EXACT, value, value)
#define T(name, tags, value, what) L(#name, tags, value, what, TEXT, 0, 0)
#define I(name, tags, what) U(name, tags, tw_info(#name), what)
#define R(name, tags, what) F(name, tags, tw_info(#name), what)
#include "info_fields.h"
	};
	/* clang-format on */

	for (size_t i = 0; i < TW_N_ELEMENTS(lines); i++) {
		struct line l = lines[i];

		l.pos = (int)i;
		if (l.name != NULL)
			fn(&l, arg);
	}
}

struct writing {
	struct tw_cli *cli;
	struct shape *shape;
};

static void
line_out(const struct line *l, void *arg)
{
	const struct writing *const w = arg;

	line_write(w->cli, l, w->shape);
}

/* --- the same for other modules (tideway/report.h) --- */

struct telling {
	tw_report_fn *fn;
	void *arg;
};

static void
line_tell(const struct line *l, void *arg)
{
	const struct telling *const t = arg;
	const struct tw_report_value v = { .name = l->name,
		.text = l->kind == TEXT ? l->text : NULL,
		.n = (int64_t)l->n };

	if (l->kind != TEXT || l->text != NULL)
		t->fn(&v, t->arg);
}

static void
process(tw_report_fn *fn, void *arg)
{
	struct telling t = { fn, arg };
	struct tw_process_info p;
	struct extra x;

	tw_process_info(&p);
	extra_fill(&x, &p);
	lines_each(&p, &x, line_tell, &t);
}

const struct tw_report_ops ctl_reports[] = {
	{ .name = "info", .process = process },
	{ .name = NULL },
};

void
ctl_show_info(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_process_info p;
	struct extra x;
	struct shape s = { .desc = false };

	for (int i = 0; i < argc; i++) {
		s.desc |= strcmp(argv[i], "desc") == 0;
		s.exact |= strcmp(argv[i], "float") == 0;
		if (strcmp(argv[i], "typed") == 0)
			s.typed = true, s.json = false;
		else if (strcmp(argv[i], "json") == 0)
			s.json = true, s.typed = false;
	}
	tw_process_info(&p);
	extra_fill(&x, &p);
	lines_each(&p, &x, line_out, &(struct writing){ cli, &s });
	if (s.json)
		tw_cli_printf(cli, "]\n");
}

/* --- the schema of all JSON answers --- */

/* clang-format off */
#define REF(what) "{\"$ref\":\"#/definitions/" what "\"}"
#define WORDS(words) "{\"type\":\"string\",\"enum\":[" words "]}"
#define NATURAL "{\"type\":\"integer\",\"minimum\":0}"
#define ITEM(value) \
	"\"field\":" REF("field") ",\"processNum\":" REF("processNum") \
	",\"tags\":" REF("tags") ",\"" value "\":" REF("typedValue") "}"
#define BETWEEN(low, high) \
	"\"type\":\"integer\",\"minimum\":" low ",\"maximum\":" high
#define VALUE(name, range) \
	"\"" name "Value\":{\"properties\":{\"type\":" WORDS("\"" name "\"") \
	",\"value\":{" range "}},\"required\":[\"type\",\"value\"]}"
#define VALUE_REF(name) REF("typedValue/definitions/" name "Value")

static const char schema[] =
    "{\"$schema\":\"http://json-schema.org/draft-04/schema#\",\"oneOf\":["
    "{\"title\":\"Info\",\"type\":\"array\",\"items\":{\"title\":\"InfoItem\","
    "\"type\":\"object\",\"properties\":{" ITEM("value") ",\"required\":["
    "\"field\",\"processNum\",\"tags\",\"value\"]}},"
    "{\"title\":\"Stat\",\"type\":\"array\",\"items\":{\"title\":\"InfoItem\","
    "\"type\":\"object\",\"properties\":{\"objType\":{\"enum\":[\"Frontend\","
    "\"Backend\",\"Listener\",\"Server\",\"Unknown\"]},\"proxyId\":" NATURAL
    ",\"id\":" NATURAL "," ITEM("typedValue") ",\"required\":["
    "\"objType\",\"proxyId\",\"id\",\"field\",\"processNum\",\"tags\",\"value\"]}},"
    "{\"title\":\"Error\",\"type\":\"object\",\"properties\":{\"errorStr\":"
    "{\"type\":\"string\"}},\"required\":[\"errorStr\"]}],\"definitions\":{"
    "\"field\":{\"type\":\"object\",\"pos\":" NATURAL ",\"name\":"
    "{\"type\":\"string\"},\"required\":[\"pos\",\"name\"]},"
    "\"processNum\":{\"type\":\"integer\",\"minimum\":1},"
    "\"tags\":{\"type\":\"object\",\"origin\":"
    WORDS("\"Metric\",\"Status\",\"Key\",\"Config\",\"Product\",\"Unknown\"")
    ",\"nature\":" WORDS("\"Gauge\",\"Limit\",\"Min\",\"Max\",\"Rate\","
    "\"Counter\",\"Duration\",\"Age\",\"Time\",\"Name\",\"Output\",\"Avg\","
    "\"Unknown\"") ",\"scope\":"
    WORDS("\"Cluster\",\"Process\",\"Service\",\"System\",\"Unknown\"")
    ",\"required\":[\"origin\",\"nature\",\"scope\"]},"
    "\"typedValue\":{\"type\":\"object\",\"oneOf\":[" VALUE_REF("s32") ","
    VALUE_REF("s64") "," VALUE_REF("u32") "," VALUE_REF("u64") ","
    VALUE_REF("str") "],\"definitions\":{"
    VALUE("s32", BETWEEN("-2147483648", "2147483647")) ","
    VALUE("s64", BETWEEN("-9007199254740991", "9007199254740991")) ","
    VALUE("u32", BETWEEN("0", "4294967295")) ","
    VALUE("u64", BETWEEN("0", "9007199254740991")) ","
    VALUE("str", "\"type\":\"string\"") ","
    "\"unknownValue\":{\"properties\":{\"type\":" NATURAL ",\"value\":"
    WORDS("\"unknown\"") "},\"required\":[\"type\",\"value\"]}}}}}\n";
/* clang-format on */

void
ctl_show_schema(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw_cli_printf(cli, "%s", schema);
}
