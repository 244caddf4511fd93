/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctl_list.c - lines of crt-lists and files of directories: shown, added, taken
 * out; and the server names that all of them give.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "crt_list.h"
#include "ctl.h"

/* "DIR/" is "DIR". */
static struct tls_list *
list_of(const char *word)
{
	char *const name = strdup(word);
	size_t len = name == NULL ? 0 : strlen(name);
	struct tls_list *list = NULL;

	while (len > 1 && name[len - 1] == '/')
		name[--len] = '\0';
	if (name != NULL)
		list = tls__list_find(tw_gen_running(), name);
	free(name);
	return list;
}

/* --- show ssl crt-list --- */

static void
entry_write(struct tw_cli *cli, const struct tls_entry *e, bool number)
{
	tw_cli_printf(cli, "%s", e->cert->path);
	if (number)
		tw_cli_printf(cli, ":%d", e->number);
	for (int i = 0; i < e->n_options; i++)
		tw_cli_printf(cli, "%s%s", i == 0 ? " [" : " ", e->option[i]);
	if (e->n_options > 0)
		tw_cli_printf(cli, "]");
	for (int i = 0; i < e->n_filters; i++)
		tw_cli_printf(cli, " %s", e->filter[i]);
	tw_cli_printf(cli, "\n");
}

static void
show_lists(struct tw_cli *cli)
{
	const char **name = NULL;
	size_t n = 0;

	for (const struct tls_list *l = tls__lists(tw_gen_running()); l != NULL;
	     l = l->next) {
		if (l->kind == TLS_LIST_FILE)
			continue;
		name = realloc(name, (n + 1) * sizeof(char *));
		TW_ASSERT(name != NULL);
		name[n++] = l->name;
	}
	if (n > 0)
		qsort(name, n, sizeof(char *), tls__ctl_by_name);
	for (size_t i = 0; i < n; i++)
		tw_cli_printf(cli, "%s\n", name[i]);
	free(name);
}

void
tls_cmd_show_crt_list(struct tw_cli *cli, int argc, char *const argv[])
{
	const bool number = argc > 0 && strcmp(argv[0], "-n") == 0;
	const struct tls_list *list;

	if (argc == 0) {
		show_lists(cli);
		return;
	}
	if (number && argc == 1) {
		tw_cli_msg(cli, TW_ERR,
		    "'show ssl crt-list -n' expects a filename or a directory\n");
		return;
	}
	list = list_of(argv[number ? 1 : 0]);
	if (list == NULL) {
		tw_cli_msg(cli, TW_ERR, "didn't find the specified filename\n");
		return;
	}
	tw_cli_printf(cli, "# %s\n", list->name);
	for (const struct tls_entry *e = list->first; e != NULL; e = e->next)
		entry_write(cli, e, number);
}

/* --- add ssl crt-list --- */

/* The line with its certificate as the store has it: crt-base may be missing.
 * returns: malloc()ed. */
static char *
line_of(const char *text)
{
	const struct tls_gen *const g = tls_gen_of(tw_gen_running());
	const size_t len = strcspn(text, " \t[");
	char *line = NULL;

	if (g->crt_base != NULL && text[0] != '/') {
		char *const name = malloc(strlen(g->crt_base) + strlen(text) + 2);

		TW_ASSERT(name != NULL);
		sprintf(name, "%s/%.*s", g->crt_base, (int)len, text);
		if (tls__store_find(g->store, name) != NULL ||
		    tls__ctl_is_empty(name)) {
			line = name;
			strcat(line, text + len);
		} else
			free(name);
	}
	return line != NULL ? line : strdup(text);
}

static bool
is_in_dir(const char *dir, const char *name)
{
	const size_t len = strlen(dir);

	return strncmp(dir, name, len) == 0 && name[len] == '/' &&
	    strchr(name + len + 1, '/') == NULL;
}

static int
add(struct tls_list *list, char *line, struct tw_err *err)
{
	struct tw_gen *const gen = tw_gen_running();
	const struct tls_entry *e;
	const size_t len = strcspn(line, " \t[");
	char name[4096];

	snprintf(name, sizeof(name), "%.*s", (int)len, line);
	if (tls__ctl_is_empty(name))
		return tw_err_set(err, "certificate '%s' is empty!", name);
	if (list->kind == TLS_LIST_DIR && !is_in_dir(list->name, name))
		return tw_err_set(err,
		    "'%s' is a directory, certificate path '%s' must contain the "
		    "directory path",
		    list->name, name);
	if (tls__list_add(gen, list, line, err) < 0)
		return -1;
	for (e = list->first; e != NULL && e->next != NULL; e = e->next)
		;
	if (e == NULL || tls__ocsp_entry(gen, e, err) == 0)
		return 0;
	struct tw_err ignored;
	tls__list_del(gen, list, name, e->number, &ignored);
	return -1;
}

static char *
payload_line(struct tw_str text)
{
	char *const copy = strndup(text.p, text.len);

	if (copy != NULL)
		copy[strcspn(copy, "\r\n")] = '\0';
	return copy;
}

static void
added(
    struct tw_cli *cli, const char *cert, const char *word, const struct tls_list *list)
{
	tw_cli_printf(cli, "Inserting certificate '%.*s' in crt-list '%s'",
	    (int)strcspn(cert, " \t["), cert, word);
	for (const struct tls_certs *l = tls__lines(tw_gen_running()); l != NULL;
	     l = l->next)
		if (tls__line_uses(l, list))
			tw_cli_write(cli, TW_STR("."));
	tw_cli_printf(cli, "\nSuccess!\n");
}

void
tls_cmd_add_crt_list(struct tw_cli *cli, int argc, char *const argv[])
{
	const struct tw_str payload = tw_cli_payload(cli);
	struct tls_list *list;
	char *text, *line, *shown;
	struct tw_err err;

	if (argc == 0 || (argc < 2 && payload.p == NULL)) {
		tw_cli_msg(cli, TW_ERR,
		    "'add ssl crtlist' expects a filename and a certificate name\n");
		return;
	}
	list = list_of(argv[0]);
	if (list == NULL) {
		tw_cli_msg(cli, TW_ERR,
		    "Can't edit the crt-list: crt-list '%s' does not exist!\n",
		    argv[0]);
		return;
	}
	text = payload.p != NULL ? payload_line(payload) : strdup(argv[1]);
	line = text == NULL ? NULL : line_of(text);
	shown = line == NULL ? NULL : strdup(line); /* it is cut to words */
	if (shown == NULL)
		tw_cli_msg(cli, TW_ERR, "Can't allocate memory!\n");
	else if (add(list, line, &err) < 0)
		tw_cli_msg(cli, TW_ERR, "Can't edit the crt-list: %s\n", err.text);
	else
		added(cli, shown, argv[0], list);
	free(shown);
	free(line);
	free(text);
}

/* --- del ssl crt-list --- */

static void
numbers(const struct tls_list *list, const char *name, struct tw_out *o)
{
	const char *sep = "";

	for (const struct tls_entry *e = list->first; e != NULL; e = e->next)
		if (strcmp(e->cert->path, name) == 0) {
			tw_out_printf(o, "%s%d", sep, e->number);
			sep = ", ";
		}
	*o->p = '\0';
}

/* in: number, 0: none was said. */
static int
entry_find(const struct tls_list *list, const char *name, int number,
    const struct tls_entry **found, struct tw_err *err)
{
	char mem[512];
	struct tw_out o = tw_out_of(mem, sizeof(mem) - 1);
	int n = 0;

	*found = NULL;
	for (const struct tls_entry *e = list->first; e != NULL; e = e->next) {
		if (strcmp(e->cert->path, name) != 0)
			continue;
		n++;
		if (number == 0 || e->number == number)
			*found = e;
	}
	if (n == 0)
		return tw_err_set(err,
		    "certificate '%s' can't be found in crt-list '%s'!", name,
		    list->name);
	numbers(list, name, &o);
	if (*found == NULL)
		return tw_err_set(err,
		    "found a certificate '%s' but the line number is incorrect, please "
		    "specify a correct line number preceded by colons (%s)!",
		    name, mem);
	if (n > 1 && number == 0)
		return tw_err_set(err,
		    "found the certificate '%s' in several entries, please specify a "
		    "line number preceded by colons (%s)!",
		    name, mem);
	return 0;
}

/* It is the first of a line without strict-sni: what such a line shows to who
 * names nothing. */
static int
is_default(const struct tls_list *list, const struct tls_entry *e, struct tw_err *err)
{
	char mem[600];
	struct tw_out o = tw_out_of(mem, sizeof(mem) - 1);

	for (const struct tls_certs *l = tls__lines(tw_gen_running()); l != NULL;
	     l = l->next)
		if (!l->strict && l->first->list == list && list->first == e)
			tw_out_printf(&o, "\t- %s:%d\n", l->file, l->line);
	*o.p = '\0';
	if (o.p == mem)
		return 0;
	return tw_err_set(err,
	    "certificate '%s' cannot be deleted, it is used as default certificate by "
	    "the following frontends:\n%s",
	    e->cert->path, mem);
}

static int
del(struct tls_list *list, char *word, struct tw_err *err)
{
	struct tw_gen *const gen = tw_gen_running();
	char *const colon = strrchr(word, ':');
	const struct tls_entry *e;
	struct tls_cert *cert;
	int number = 0, rc;
	char *end;

	if (colon != NULL) {
		number = (int)strtol(colon + 1, &end, 10);
		if (colon[1] == '\0' || *end != '\0' || number <= 0)
			return tw_err_set(
			    err, "wrong line number after colons in '%s'!", word);
		*colon = '\0';
	}
	if (tls__store_find(tls__store_of(gen), word) == NULL)
		return tw_err_set(err, "certificate '%s' does not exist!", word);
	if (entry_find(list, word, number, &e, err) < 0 || is_default(list, e, err) < 0)
		return -1;
	cert = tls__cert_ref(e->cert);
	rc = tls__list_del(gen, list, word, e->number, err);
	if (rc == 0 && !tls__cert_is_used(gen, cert))
		tls__ocsp_detach(gen, cert->path);
	tls__cert_unref(&cert);
	return rc;
}

void
tls_cmd_del_crt_list(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tls_list *const list = argc < 2 ? NULL : list_of(argv[0]);
	struct tw_err err;

	if (argc < 2)
		tw_cli_msg(cli, TW_ERR,
		    "'del ssl crtlist' expects a filename and a certificate name\n");
	else if (list == NULL)
		tw_cli_msg(cli, TW_ERR,
		    "Can't delete the entry: crt-list '%s' does not exist!\n", argv[0]);
	else if (del(list, argv[1], &err) < 0)
		tw_cli_msg(cli, TW_ERR, "Can't delete the entry: %s\n", err.text);
	else
		tw_cli_msg(cli, TW_NOTICE, "Entry '%s' deleted in crtlist '%s'!\n",
		    argv[1], argv[0]);
}

/* --- show ssl sni --- */

struct sni_show {
	const char *frontend; /* NULL: all */
	bool expired;         /* -A */
	time_t now;           /* with -t */
};

static void
sni_row(struct tw_cli *cli, const struct tls_certs *l, const struct tls_entry *e,
    const char *name)
{
	static const char *const kind[TLS_N_KINDS] = { [TLS_RSA] = "rsa",
		[TLS_ECDSA] = "ecdsa",
		[TLS_DSA] = "dsa",
		[TLS_OTHER] = "other" };
	bool any = false;

	tw_cli_printf(
	    cli, "%s/%s:%d\t%s\t", tw_proxy_name(l->px), l->file, l->line, name);
	for (int i = 0; i < e->n_filters; i++)
		if (e->filter[i][0] == '!') {
			tw_cli_printf(cli, "%s%s", any ? " " : "", e->filter[i]);
			any = true;
		}
	tw_cli_printf(
	    cli, "%s\t%s\t%s\t", any ? "" : "-", kind[e->cert->kind], e->cert->path);
	tls__ctl_date(cli, X509_get0_notAfter(e->cert->leaf));
	tw_cli_printf(cli, "\t");
	tls__ctl_date(cli, X509_get0_notBefore(e->cert->leaf));
	tw_cli_printf(cli, "\n");
}

static void
sni_entry(struct tw_cli *cli, const struct tls_certs *l, const struct tls_entry *e,
    bool is_default)
{
	int n = 0;

	if (is_default)
		sni_row(cli, l, e, "*");
	for (int i = 0; i < e->n_filters; i++) {
		const bool no = e->filter[i][0] == '!';

		n += !no;
		if (!no && strcmp(e->filter[i], "*") != 0)
			sni_row(cli, l, e, e->filter[i]);
	}
	for (int i = 0; n == 0 && i < e->cert->n_names; i++) {
		bool seen = false;

		for (int j = 0; j < i; j++)
			seen |= strcmp(e->cert->names[j], e->cert->names[i]) == 0;
		if (!seen)
			sni_row(cli, l, e, e->cert->names[i]);
	}
}

static void
sni_line(struct tw_cli *cli, const struct tls_certs *l, const struct sni_show *how)
{
	bool said = false, first = !l->strict;

	for (const struct tls_src *s = l->first; s != NULL; s = s->next) {
		said |= strcmp(s->word, "default-crt") == 0;
		for (const struct tls_entry *e = s->list->first; e != NULL; e = e->next)
			said |= tls__entry_is_default(e);
	}
	for (const struct tls_src *s = l->first; s != NULL; s = s->next)
		for (const struct tls_entry *e = s->list->first; e != NULL;
		     e = e->next) {
			const bool def = said ? tls__entry_is_default(e) ||
				strcmp(s->word, "default-crt") == 0
					      : first;

			first = false;
			if (!how->expired || e->cert->not_after < how->now)
				sni_entry(cli, l, e, def);
		}
}

/* "30d", "600": seconds, in a range that tw_parse_ms() does not have. */
static int
offset_of(const char *word, time_t *out, struct tw_err *err)
{
	static const struct {
		char unit;
		long s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ '\0', 1 } };
	char *end;
	const long n = strtol(word, &end, 10);

	for (size_t i = 0;
	     end != word && n >= 0 && n < 1000000000 && i < TW_N_ELEMENTS(units); i++)
		if (*end == units[i].unit && (*end == '\0' || end[1] == '\0')) {
			*out = n * units[i].s;
			return 0;
		}
	return tw_err_set(err,
	    "'%s' is not a time in seconds, nor with one of the units s, m, h and d!",
	    word);
}

static int
sni_words(struct sni_show *how, int argc, char *const argv[], struct tw_err *err)
{
	time_t offset = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "-A") == 0) {
			how->expired = true;
			continue;
		}
		if (strcmp(argv[i], "-f") != 0 && strcmp(argv[i], "-t") != 0)
			return tw_err_set(err,
			    "'%s' is unknown to 'show ssl sni': it takes -f, -A and -t!",
			    argv[i]);
		if (i + 1 == argc)
			return tw_err_set(err,
			    argv[i][1] == 'f'
				? "'-f' needs the name of a frontend behind it!"
				: "'-t' needs a time behind it, such as 30d!");
		if (argv[i++][1] == 'f') {
			how->frontend = argv[i];
			if (tw_gen_find(tw_gen_running(), argv[i], TW_FRONTEND) == NULL)
				return tw_err_set(
				    err, "There is no frontend '%s'!", argv[i]);
		} else {
			if (offset_of(argv[i], &offset, err) < 0)
				return -1;
			how->now += offset;
		}
	}
	return 0;
}

void
tls_cmd_show_sni(struct tw_cli *cli, int argc, char *const argv[])
{
	struct sni_show how = { .now = (time_t)(tw_wall_us() / 1000000) };
	struct tw_err err;

	if (sni_words(&how, argc, argv, &err) < 0) {
		tw_cli_msg(cli, TW_ERR, "%s\n", err.text);
		return;
	}
	tw_cli_printf(cli,
	    "# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\t"
	    "NotBefore\n");
	for (const struct tls_certs *l = tls__lines(tw_gen_running()); l != NULL;
	     l = l->next)
		if (how.frontend == NULL ||
		    strcmp(how.frontend, tw_proxy_name(l->px)) == 0)
			sni_line(cli, l, &how);
}
