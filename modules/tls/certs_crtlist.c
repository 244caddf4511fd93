/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs_crtlist.c - a crt-list's file becomes entries; each error is told with
 * its file and line. Configuration thread.
 */
#include <stdlib.h>

#include "certs.h"
#include "crt_list.h"

static int
line_fail(const struct tls_certs *line, const struct tls_list *list, int number,
    const struct tw_err *why)
{
	struct tw_err err;

	tw_err_set(&err, "parsing [%s:%d]: %s", list->name, number, why->text);
	return tls__certs_fail(line, "crt-list", err.text);
}

/* What was appended behind `*from` gets the words. */
static void
set_words(
    struct tls_list *list, struct tls_entry **from, struct tls_crt_line *l, int number)
{
	for (struct tls_entry *e = *from; e != NULL; e = e->next) {
		tls__entry_words(e, l->word + 1, l->n_options, l->n_words - 1);
		e->number = number;
	}
	list->last_number = number;
}

static int
line_read(struct tls_certs *line, struct tls_list *list, char *text, int number)
{
	struct tls_entry **const from = list->last;
	const struct tls_variant *variant;
	struct tls_crt_line l;
	struct tw_err err;
	const int rc = tls__crt_line_parse(text, &l, &err);

	if (rc == 0)
		return 0;
	if (rc < 0 ||
	    tls__list_add_path(line, list, tls__crt_name(line, l.word[0]), &err) < 0)
		return line_fail(line, list, number, &err);
	set_words(list, from, &l, number);
	if (tls__variant_get(line, *from, &variant, &err) < 0)
		return line_fail(line, list, number, &err);
	return 0;
}

int
tls__crt_list_read(struct tls_certs *line, struct tls_list *list)
{
	struct tls_bytes b = { NULL, 0 };
	struct tw_err err;
	const int e = tls__file_read(list->name, &b);
	int rc = 0, number = 1;

	if (e != 0) {
		tw_err_set(&err, "cannot open file '%s' : %s", list->name, strerror(e));
		return tls__certs_fail(line, "crt-list", err.text);
	}
	for (char *text = (char *)b.p, *next; text != NULL; text = next, number++) {
		next = strchr(text, '\n');
		if (next == NULL && text < (char *)b.p + b.len) {
			tw_err_set(&err,
			    text[0] != '\0' ? "Missing LF on last line, file might "
					      "have been truncated"
					    : "a NUL byte in it");
			rc = line_fail(line, list, number, &err);
		} else if (next != NULL) {
			*next++ = '\0';
			rc |= line_read(line, list, text, number);
		}
	}
	free(b.p);
	return rc;
}
