/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * text.h - from a file's bytes to lines that are ready to be cut into words.
 *
 * Private to the reader's lexical half (tree.c, text.c, text_file.c,
 * text_loop.c, text_vars.c, text_word.c). A line passes, in this order: its
 * comment, @ID, $NAME=, ~SEQ and ~LST, the variables in it, include.
 */
#ifndef TW_VRRP_TEXT_H
#define TW_VRRP_TEXT_H

#include <sys/stat.h>

#include "tree.h"

#define VR_MAX_LINE 65536 /* bytes, after expansion */
#define VR_MAX_NESTING 32 /* includes, variables in variables, loops */

/* include_check and the variants of include: what is an error. */
enum {
	VR_INC_READABLE = 1,   /* a match that cannot be read */
	VR_INC_MATCH = 2,      /* no match of a name without wildcards */
	VR_INC_WILDCARD = 4,   /* no match of one with wildcards */
	VR_INC_BRACE = 8,      /* an alternative in braces that matches nothing */
	VR_INC_ALL = 15,
};

struct vr_var {
	const char *name;
	char *value; /* may have several lines */
	struct vr_var *next;
};

/* A file that is being read, and who included it. */
struct vr_input {
	const char *path;
	const char *dir;
	dev_t dev;
	ino_t ino;
	unsigned checks; /* VR_INC_... */
	const struct vr_input *outer;
};

/* Lines that are being walked: a file's or a variable's. */
struct vr_cursor {
	char *at, *end;
	int line;     /* of the next one; 0: all have the number of `where` */
	struct vr_where where; /* of the line that was taken last */
};

struct vr_tree;

struct vr_text {
	struct tw_arena *arena;
	struct vr_report *rep;
	const struct vr_source *from;
	const char *config_id;
	struct vr_tree *tree;
	struct vr_var *vars;
	struct vr_input *input; /* the innermost */
	unsigned nesting, n_lines, max_lines;
	uint32_t random;        /* state of ${_RANDOM} */
	bool stopped;           /* a limit was reached: nothing more is read */
};

/* text.c */
/** vr_text_run - all lines of a cursor. */
void vr_text_run(struct vr_text *t, struct vr_cursor *c);
/** vr_text_line - one line, without its comment. in: c, where a definition
 * goes on. */
void vr_text_line(struct vr_text *t, struct vr_cursor *c, char *line);
/** vr_text_nest - one level deeper. returns: false: too deep; reported. */
bool vr_text_nest(struct vr_text *t, const struct vr_where *at);
/** vr_cursor_next - returns: the next line, NUL-terminated in place; NULL. */
char *vr_cursor_next(struct vr_cursor *c);
/** vr_trim - without blanks before and after; in place. */
char *vr_trim(char *line);

/* text_file.c */
void vr_text_file(struct vr_text *t, const char *path, const struct vr_where *at);
/** vr_text_include - `include` and its variants. returns: false: is none. */
bool vr_text_include(struct vr_text *t, const char *line, const struct vr_where *at);
/** vr_include_level - what include_check makes of the checks so far. */
unsigned vr_include_level(struct vr_text *t, const char *options,
    const struct vr_where *at);

/* text_vars.c */
/** vr_var_length - of a name at the beginning of the text; 0: there is none. */
size_t vr_var_length(const char *text);
void vr_var_set(struct vr_text *t, const char *name, size_t len, const char *value);
/** vr_var_expand - replaces variables until none is left, or until there are
 * several lines. returns: NULL: there was none to replace, or a limit was
 * reached. */
char *vr_var_expand(struct vr_text *t, const char *line, const struct vr_where *at);

/* text_loop.c */
/** vr_text_loop - ~SEQ, ~SEQx, ~LST. returns: false: the line is none. */
bool vr_text_loop(struct vr_text *t, struct vr_cursor *c, const char *line);

/* text_word.c */
enum vr_token { VR_TOKEN_END, VR_TOKEN_WORD, VR_TOKEN_OPEN, VR_TOKEN_CLOSE, VR_TOKEN_BAD };
/** vr_token - the next one of a line. in: braces, whether `{` and `}` are
 * tokens. out: word, of at least strlen(*p) + 1 bytes. */
enum vr_token vr_token(const char **p, char *word, bool braces);
/** vr_cut_comment - ends the line before its `#` or `!`. */
void vr_cut_comment(char *line);

/* tree.c */
void vr_tree_add(struct vr_text *t, const char *line, const struct vr_where *at);

#endif
