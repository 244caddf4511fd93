/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * text_file.c - files, and what they include.
 *
 * A name is relative to the directory of the file that includes it; wildcards
 * are glob(7)'s, alternatives in braces are expanded here, so that each of them
 * can be looked at. A file that includes itself is refused.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define MAX_FILE_BYTES (16u << 20)

static const char *
directory_of(struct vr_text *t, const char *path)
{
	const char *const slash = strrchr(path, '/');
	char cwd[4096];

	if (slash != NULL && path[0] == '/')
		return slash == path
		    ? "/"
		    : tw_arena_printf(t->arena, "%.*s", (int)(slash - path), path);
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return ".";
	return slash == NULL
	    ? tw_arena_strdup(t->arena, cwd)
	    : tw_arena_printf(t->arena, "%s/%.*s", cwd, (int)(slash - path), path);
}

/* errors: -1; errno. */
static int
read_all(int fd, char *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		const ssize_t n = read(fd, buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EAGAIN : errno; /* shorter than it was */
			return -1;
		}
		done += (size_t)n;
	}
	buf[len] = '\0';
	return 0;
}

/* out: st. returns: what is in the file; NULL with errno. */
static char *
file_text(struct vr_text *t, const char *path, struct stat *st)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, st) == 0 && !S_ISREG(st->st_mode)) {
		errno = S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
	} else if (st->st_size > (off_t)MAX_FILE_BYTES) {
		errno = EFBIG;
	} else {
		text = tw_arena_alloc(t->arena, (size_t)st->st_size + 1);
		if (read_all(fd, text, (size_t)st->st_size) != 0)
			text = NULL;
	}
	const int saved = errno;
	close(fd);
	errno = saved;
	return text;
}

static bool
is_open(const struct vr_text *t, const struct stat *st)
{
	for (const struct vr_input *i = t->input; i != NULL; i = i->outer) {
		if (i->dev == st->st_dev && i->ino == st->st_ino)
			return true;
	}
	return false;
}

static void
input_run(
    struct vr_text *t, const char *path, char *text, size_t len, const struct stat *st)
{
	struct vr_input input = { .path = path,
		.dir = directory_of(t, path),
		.dev = st->st_dev,
		.ino = st->st_ino,
		.checks = t->input != NULL ? t->input->checks : 0,
		.outer = t->input };
	struct vr_cursor c = { .at = text,
		.end = text + len,
		.line = 1,
		.where = { .file = path, .line = 1 } };
	const char *const nul = memchr(text, '\0', len);

	if (nul != NULL) {
		for (const char *p = text; p < nul; p++)
			c.where.line += *p == '\n';
		vr_fail(t->rep, &c.where, "a byte of value 0: this is not a text file");
		return;
	}
	t->input = &input;
	vr_text_run(t, &c);
	t->input = (struct vr_input *)input.outer;
}

void
vr_text_file(struct vr_text *t, const char *path, const struct vr_where *at)
{
	struct stat st = { 0 };

	if (t->from->text != NULL) {
		char *const copy = tw_arena_alloc(t->arena, t->from->text_len + 1);
		memcpy(copy, t->from->text, t->from->text_len);
		copy[t->from->text_len] = '\0';
		input_run(t, path, copy, t->from->text_len, &st);
		return;
	}
	char *const text = file_text(t, path, &st);
	if (text == NULL)
		vr_fail(t->rep, at, "cannot read '%s': %s", path, strerror(errno));
	else if (is_open(t, &st))
		vr_fail(t->rep, at, "'%s' includes itself: remove this line", path);
	else
		input_run(t, path, text, (size_t)st.st_size, &st);
}

/* --- include ------------------------------------------------------------- */

struct include {
	struct vr_text *t;
	const struct vr_where *at;
	unsigned checks;
	const char *dir;
	bool has_braces;
	unsigned n_matches;
};

static bool
is_wild(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

static void
include_match(struct include *inc, const char *path)
{
	struct vr_text *const t = inc->t;

	if (t->stopped)
		return;
	if (access(path, R_OK) == 0) {
		vr_text_file(t, tw_arena_strdup(t->arena, path), inc->at);
		return;
	}
	/* keepalived goes on without a word */
	(inc->checks != 0 ? vr_fail : vr_warn)(t->rep, inc->at,
	    "cannot read the included '%s': %s", path, strerror(errno));
}

static void
include_pattern(struct include *inc, const char *pattern)
{
	struct vr_text *const t = inc->t;
	const char *const full = pattern[0] == '/'
	    ? pattern
	    : tw_arena_printf(t->arena, "%s/%s", inc->dir, pattern);
	glob_t found = { 0 };

	if (glob(full, 0, NULL, &found) == 0) {
		inc->n_matches += (unsigned)found.gl_pathc;
		for (size_t i = 0; i < found.gl_pathc; i++)
			include_match(inc, found.gl_pathv[i]);
	} else if (inc->has_braces && (inc->checks & VR_INC_BRACE) != 0) {
		vr_fail(t->rep, inc->at,
		    "include: nothing matches the alternative '%s'", full);
	}
	globfree(&found);
}

/* "{a,b{c,d}}": the alternative that ends at a comma or the last brace. */
static const char *
alternative_end(const char *p)
{
	for (unsigned depth = 0; *p != '\0'; p++) {
		if (depth == 0 && (*p == ',' || *p == '}'))
			return p;
		depth += *p == '{';
		depth -= *p == '}';
	}
	return NULL;
}

static const char *
group_end(const char *p)
{
	while ((p = alternative_end(p)) != NULL && *p == ',')
		p++;
	return p;
}

/* Each pattern that braces make of one. in: room, how many may still come. */
static void
include_braces(struct include *inc, const char *pattern, unsigned *room)
{
	const char *const open = strchr(pattern, '{');
	const char *const close = open != NULL ? group_end(open + 1) : NULL;

	if (close == NULL) {
		if (*room > 0 && (*room)-- > 0)
			include_pattern(inc, pattern);
		return;
	}
	for (const char *p = open + 1, *end; p <= close && *room > 0; p = end + 1) {
		end = alternative_end(p);
		include_braces(inc,
		    tw_arena_printf(inc->t->arena, "%.*s%.*s%s", (int)(open - pattern),
			pattern, (int)(end - p), p, close + 1),
		    room);
	}
}

static void
include_missing(const struct include *inc, const char *pattern)
{
	const unsigned wanted =
	    is_wild(pattern) ? VR_INC_WILDCARD : VR_INC_MATCH | VR_INC_WILDCARD;

	if ((inc->checks & wanted) != 0)
		vr_fail(inc->t->rep, inc->at, "include: no file matches '%s'", pattern);
	else if (!is_wild(pattern))
		vr_warn(inc->t->rep, inc->at,
		    "include: there is no '%s'; nothing is included, as with keepalived",
		    pattern);
}

static void
include_run(
    struct vr_text *t, unsigned checks, char *pattern, const struct vr_where *at)
{
	struct include inc = { .t = t,
		.at = at,
		.checks = t->input->checks | checks,
		.dir = t->input->dir,
		.has_braces = strchr(pattern, '{') != NULL };
	unsigned room = 1000;

	if (*pattern == '\0') {
		vr_fail(t->rep, at, "include needs a file name");
	} else if (t->from->text != NULL) {
		vr_warn(t->rep, at, "nothing is included here");
	} else {
		include_braces(&inc, pattern, &room);
		if (inc.n_matches == 0)
			include_missing(&inc, pattern);
	}
}

static const struct {
	const char *word;
	unsigned checks;
} variants[] = {
	{ "include", 0 },
	{ "includer", VR_INC_READABLE },
	{ "includem", VR_INC_MATCH },
	{ "includew", VR_INC_WILDCARD },
	{ "includeb", VR_INC_BRACE },
	{ "includea", VR_INC_ALL },
};

bool
vr_text_include(struct vr_text *t, const char *line, const struct vr_where *at)
{
	const size_t len = strcspn(line, " \t");
	const char *rest = line + len;

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		if (len != strlen(variants[i].word) ||
		    memcmp(line, variants[i].word, len) != 0)
			continue;
		char *const name = tw_arena_alloc(t->arena, strlen(rest) + 1);
		const enum vr_token token = vr_token(&rest, name, false);
		if (token == VR_TOKEN_BAD)
			vr_fail(t->rep, at,
			    "a quote has no end: close it on the same line");
		else
			include_run(t, variants[i].checks,
			    token == VR_TOKEN_WORD ? name : strcpy(name, ""), at);
		return true;
	}
	return false;
}

static unsigned
include_check(const char *word)
{
	static const char *const names[] = { "readable", "match", "wildcard_match",
		"brace_match" };
	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(word, names[i]) == 0)
			return 1u << i;
	}
	return 0;
}

unsigned
vr_include_level(struct vr_text *t, const char *options, const struct vr_where *at)
{
	char *const word = tw_arena_alloc(t->arena, strlen(options) + 1);
	unsigned level = t->input->checks;
	bool any = false, add = true;

	while (vr_token(&options, word, true) == VR_TOKEN_WORD) {
		const bool is_signed = *word == '+' || *word == '-';
		const unsigned check = include_check(word + is_signed);
		if (is_signed)
			add = *word == '+';
		else if (!any)
			level = 0; /* a plain list begins anew */
		any = true;
		level = add ? level | check : level & ~check;
		if (check == 0 && word[is_signed] != '\0')
			vr_fail(t->rep, at,
			    "include_check '%s': one of readable, match, wildcard_match, "
			    "brace_match is needed",
			    word);
	}
	return any ? level : VR_INC_ALL;
}
