/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * explain_opt.c - the command line of `tideway explain`, and the bytes that its
 * client and servers send. Start-up only.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include "core/run/explain.h"

static const char usage[] =
    "Usage: tideway explain -f FILE [OPTION]... ['GET /x HTTP/1.1' [-H 'NAME: VALUE']...]\n"
    "What the rules of a configuration do with a request: which apply and why, what\n"
    "they change, which server it goes to. Nothing is bound, checked or sent.\n"
    "  -f FILE|DIR         the configuration; may be given again\n"
    "  -C DIR              change to DIR before reading\n"
    "  -L NAME             the local peer's name (the host's)\n"
    "  -H 'NAME: VALUE'    a field of the request; may be given again\n"
    "  --body TEXT|@FILE   the request's body\n"
    "  --file FILE         requests as they are sent, one behind the other\n"
    "  --payload BYTES     what a client of mode tcp sends: TEXT, @FILE or hex:0a0b\n"
    "  --src ADDR[:PORT]   where the client is (127.0.0.1:50000)\n"
    "  --dst ADDR[:PORT]   where it has connected to; its port finds the frontend\n"
    "  --frontend NAME     the frontend\n"
    "  --down BACKEND/SERVER  that server is down; may be given again; SERVER may be *\n"
    "  --response 'HTTP/1.1 200 OK'  what servers answer: response rules are shown\n"
    "  -h 'NAME: VALUE'    a field of it; may be given again\n"
    "  --response-body TEXT|@FILE  its body\n"
    "  --all               show each rule that was not reached\n"
    "  --json              for programs\n"
    "  --tls               the client comes through TLS (ssl_fc)\n"
    "Exit status: 0 explained, 1 the configuration is bad, 2 the command line is.\n";

struct taking {
	struct tw__run *run;
	struct tw__explain *e;
	char **at, **end;
	const char *option;
};

static int
fail(const char *text, const char *word)
{
	fprintf(stderr, "tideway explain: ");
	fprintf(stderr, text, word);
	fprintf(stderr, "; see tideway explain --help\n");
	return TW__EXPLAIN_USAGE;
}

static void
words_add(struct tw__words *w, const char *word)
{
	w->at = reallocarray(w->at, (size_t)w->n + 1, sizeof(w->at[0]));
	TW_ASSERT(w->at != NULL);
	w->at[w->n++] = word;
}

static void
file_add(struct tw__options *o, char *path)
{
	o->files = reallocarray(o->files, (size_t)o->n_files + 1, sizeof(o->files[0]));
	TW_ASSERT(o->files != NULL);
	o->files[o->n_files++] = path;
}

/* Where an option's argument goes. */
static bool
word_option(struct taking *t, const char ***once, struct tw__words **many)
{
	struct tw__explain *const e = t->e;
	struct tw__options *const o = &t->run->opt;
	const struct {
		const char *name;
		const char **once;
		struct tw__words *many;
	} table[] = { { "-C", &o->dir, NULL }, { "-L", &o->local_peer, NULL },
		{ "-H", NULL, &e->headers }, { "-h", NULL, &e->response_headers },
		{ "--body", &e->body, NULL }, { "--file", &e->file, NULL },
		{ "--payload", &e->payload, NULL }, { "--src", &e->src, NULL },
		{ "--dst", &e->dst, NULL }, { "--frontend", &e->frontend, NULL },
		{ "--down", NULL, &e->down }, { "--response", &e->response, NULL },
		{ "--response-body", &e->response_body, NULL } };

	for (size_t i = 0; i < TW_N_ELEMENTS(table); i++) {
		if (strcmp(table[i].name, t->option) != 0)
			continue;
		*once = table[i].once;
		*many = table[i].many;
		return true;
	}
	return false;
}

static bool
is_field(const char *word)
{
	const char *const colon = strchr(word, ':');

	return colon != NULL && colon > word && strpbrk(word, "\r\n") == NULL &&
	    strcspn(word, " \t") > (size_t)(colon - word);
}

/* An option that has an argument. returns: -1, or the status to exit with. */
static int
take_word(struct taking *t, const char **once, struct tw__words *many)
{
	if (t->at == t->end)
		return fail("%s needs an argument", t->option);
	const char *const word = *t->at++;
	if ((many == &t->e->headers || many == &t->e->response_headers) &&
	    !is_field(word))
		return fail("'%s' is no header field: write 'NAME: VALUE'", word);
	if (many != NULL) {
		words_add(many, word);
		return -1;
	}
	if (*once != NULL)
		return fail("%s was given twice", t->option);
	*once = word;
	return -1;
}

static int
take_option(struct taking *t)
{
	const char **once;
	struct tw__words *many;

	if (strcmp(t->option, "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (strcmp(t->option, "--tls") == 0)
		t->e->tls = true;
	else if (strcmp(t->option, "--json") == 0)
		t->e->json = true;
	else if (strcmp(t->option, "--all") == 0)
		t->e->all = true;
	else if (strcmp(t->option, "-f") != 0)
		return word_option(t, &once, &many)
		    ? take_word(t, once, many)
		    : fail("%s is no option", t->option);
	else if (t->at == t->end)
		return fail("%s needs a file or directory", t->option);
	else
		file_add(&t->run->opt, *t->at++);
	return -1;
}

static int
take(struct taking *t)
{
	while (t->at < t->end) {
		t->option = *t->at++;
		if (t->option[0] != '-') {
			if (t->e->line != NULL)
				return fail("'%s': one request line is enough (--file "
					    "takes more requests)",
				    t->option);
			t->e->line = t->option;
			continue;
		}
		const int status = take_option(t);
		if (status >= 0)
			return status;
	}
	return -1;
}

static int
check(const struct tw__run *run)
{
	const struct tw__explain *const e = run->explain;
	const int n = (e->line != NULL) + (e->file != NULL) + (e->payload != NULL);

	if (run->opt.n_files == 0)
		return fail("%s", "a configuration is missing: -f FILE");
	if (n == 0)
		return fail("%s",
		    "a request is missing: 'GET /x HTTP/1.1', --file or --payload");
	if (n > 1)
		return fail(
		    "%s", "a request line, --file and --payload exclude each other");
	if (e->line == NULL && (e->headers.n > 0 || e->body != NULL))
		return fail("%s", "-H and --body belong to a request line");
	if (e->response == NULL &&
	    (e->response_headers.n > 0 || e->response_body != NULL))
		return fail("%s", "-h and --response-body belong to --response");
	return -1;
}

int
tw__explain_options(struct tw__run *run, int argc, char **argv)
{
	struct tw__explain *const e = calloc(1, sizeof(*e));
	struct taking t = { .run = run, .e = e, .at = argv + 2, .end = argv + argc };

	TW_ASSERT(e != NULL);
	run->explain = e;
	run->opt.todo = TW__DO_EXPLAIN;
	int status = take(&t);
	if (status < 0)
		status = check(run);
	if (status < 0)
		return -1;
	tw__explain_free(&run->explain);
	tw__options_fini(&run->opt);
	return status;
}

void
tw__explain_free(struct tw__explain **explain)
{
	struct tw__explain *const e = *explain;

	if (e == NULL)
		return;
	free(e->headers.at);
	free(e->response_headers.at);
	free(e->down.at);
	free(e);
	*explain = NULL;
}

/* ---- bytes -------------------------------------------------------------- */

void
tw__bytes_add(struct tw__bytes *b, const void *p, size_t len)
{
	if (b->len + len + 1 > b->room) {
		b->room = (b->len + len + 1) * 2;
		b->p = realloc(b->p, b->room);
		TW_ASSERT(b->p != NULL);
	}
	if (len > 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
	b->p[b->len] = '\0';
}

void
tw__bytes_free(struct tw__bytes *b)
{
	free(b->p);
	*b = (struct tw__bytes){ NULL, 0, 0 };
}

static void
add_text(struct tw__bytes *b, const char *text)
{
	tw__bytes_add(b, text, strlen(text));
}

static int
add_file(struct tw__bytes *b, const char *path, struct tw_err *err)
{
	FILE *const f = fopen(path, "re");
	char part[8192];
	size_t n;

	if (f == NULL)
		return tw_err_errno(err, "cannot open '%s'", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		tw__bytes_add(b, part, n);
	const int failed = ferror(f);
	fclose(f);
	return failed ? tw_err_set(err, "cannot read '%s'", path) : 0;
}

static int
add_hex(struct tw__bytes *b, const char *hex, struct tw_err *err)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";

	if (strlen(hex) % 2 != 0)
		return tw_err_set(
		    err, "hex:%s: an even number of digits is expected", hex);
	for (; *hex != '\0'; hex += 2) {
		const char *const hi = strchr(digits, hex[0]);
		const char *const lo = strchr(digits, hex[1]);
		if (hi == NULL || lo == NULL)
			return tw_err_set(err, "'%.2s' is no hex byte", hex);
		const char byte =
		    (char)(((hi - digits) % 16) << 4 | ((lo - digits) % 16));
		tw__bytes_add(b, &byte, 1);
	}
	return 0;
}

static int
add_content(struct tw__bytes *b, const char *word, bool hex, struct tw_err *err)
{
	if (word[0] == '@')
		return add_file(b, word + 1, err);
	if (hex && strncmp(word, "hex:", 4) == 0)
		return add_hex(b, word + 4, err);
	add_text(b, word);
	return 0;
}

static bool
has_framing(const struct tw__words *fields)
{
	for (int i = 0; i < fields->n; i++)
		if (strncasecmp(fields->at[i], "content-length:", 15) == 0 ||
		    strncasecmp(fields->at[i], "transfer-encoding:", 18) == 0)
			return true;
	return false;
}

/* A message: what is left out of its first line is added. */
static int
add_message(struct tw__bytes *b, const char *line, const struct tw__words *fields,
    const struct tw__bytes *body, bool framed)
{
	char length[48];

	add_text(b, line);
	add_text(b, "\r\n");
	for (int i = 0; i < fields->n; i++) {
		add_text(b, fields->at[i]);
		add_text(b, "\r\n");
	}
	if (framed && !has_framing(fields)) {
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", body->len);
		add_text(b, length);
	}
	add_text(b, "\r\n");
	tw__bytes_add(b, body->p, body->len);
	return 0;
}

static int
input_line(const struct tw__explain *e, struct tw__bytes *in, struct tw_err *err)
{
	struct tw__bytes line = { NULL, 0, 0 }, body = { NULL, 0, 0 };
	const char *const last = strrchr(e->line, ' ');

	if (strpbrk(e->line, "\r\n") != NULL)
		return tw_err_set(err, "a request line has no line breaks: use --file");
	if (e->body != NULL && add_content(&body, e->body, false, err) != 0) {
		tw__bytes_free(&body);
		return -1;
	}
	add_text(&line, e->line);
	if (last == NULL || strncmp(last, " HTTP/", 6) != 0)
		add_text(&line, " HTTP/1.1");
	add_message(in, line.p, &e->headers, &body, e->body != NULL);
	tw__bytes_free(&line);
	tw__bytes_free(&body);
	return 0;
}

int
tw__explain_input(const struct tw__explain *e, struct tw__bytes *in, struct tw_err *err)
{
	if (e->payload != NULL)
		return add_content(in, e->payload, true, err);
	return e->file != NULL ? add_file(in, e->file, err) : input_line(e, in, err);
}

int
tw__explain_response(
    const struct tw__explain *e, struct tw__bytes *out, struct tw_err *err)
{
	struct tw__bytes body = { NULL, 0, 0 };

	if (e->response_body != NULL &&
	    add_content(&body, e->response_body, false, err) != 0) {
		tw__bytes_free(&body);
		return -1;
	}
	const char *const line = e->response != NULL ? e->response : "HTTP/1.1 200 OK";
	const bool bodiless = strstr(line, " 204") != NULL ||
	    strstr(line, " 304") != NULL || strstr(line, " 1") != NULL;
	add_message(out, line, &e->response_headers, &body, !bodiless);
	tw__bytes_free(&body);
	return 0;
}
