/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tree.h - a keepalived.conf as lines of words, with the lines of their blocks.
 *
 * The lexical half of the reader, without any keyword's meaning: comments,
 * quotes, braces, includes, variables, ~SEQ and ~LST, @ID conditions. What a
 * line means is the business of conf_*.c. Everything lives in one arena.
 * source: keepalived.conf(5), "PARAMETER SYNTAX", "ADVANCED CONFIGURATION";
 * what version 2.2.7 does where that is silent: braces are words of their own
 * even within a word, `!` and `#` begin a comment there too, an empty line ends
 * a definition of several lines.
 */
#ifndef TW_VRRP_TREE_H
#define TW_VRRP_TREE_H

#include "model.h"

#define VR_MAX_WORDS 512 /* of one line */

struct vr_line {
	char *const *word; /* gen; NULL-terminated; word[0] is the keyword */
	unsigned n_words;
	bool has_block;
	struct vr_where where;
	struct vr_line *child; /* gen; the block's first line */
	struct vr_line *next;
};

/** vr_tree_read - all lines of a file. returns: the first one (NULL: there is
 * none); what is wrong is reported. lifetime: the arena's. */
struct vr_line *vr_tree_read(struct tw_arena *arena, const char *path,
    const struct vr_source *from, struct vr_report *rep);

/** vr_split - words of a text at blanks, as a program's arguments: quotes hold
 * together and go away. out: word, at most VR_MAX_WORDS. returns: their number;
 * -1: a quote has no end. */
int vr_split(struct tw_arena *arena, const char *text, char **word);

#endif
