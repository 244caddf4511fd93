/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tree.c - lines of words become a tree by their braces. Any thread.
 *
 * A block may open and close anywhere: on one line, with its brace on the next
 * line, with its last brace behind the last word, in another file than it began
 * in.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "text.h"

#define MAX_DEPTH 16

struct level {
	struct vr_line *owner; /* whose block it is; NULL: the file */
	struct vr_line **end;  /* where the next line goes */
	struct vr_line *last;  /* may still get its block from the next line */
};

struct vr_tree {
	struct vr_line *first;
	struct level level[MAX_DEPTH];
	unsigned depth;
	char *word[VR_MAX_WORDS + 1]; /* of the line that is being read */
	unsigned n_words;
};

/* The words so far are a line. */
static struct vr_line *
line_end(struct vr_text *t, const struct vr_where *at)
{
	struct vr_tree *const tree = t->tree;
	struct level *const level = &tree->level[tree->depth];
	struct vr_line *const l = tw_arena_zalloc(t->arena, sizeof(*l));
	const size_t size = (tree->n_words + 1) * sizeof(tree->word[0]);

	tree->word[tree->n_words] = NULL;
	l->word = memcpy(tw_arena_alloc(t->arena, size), tree->word, size);
	l->n_words = tree->n_words;
	l->where = *at;
	*level->end = level->last = l;
	level->end = &l->next;
	tree->n_words = 0;
	return l;
}

static int
block_open(struct vr_text *t, const struct vr_where *at)
{
	struct vr_tree *const tree = t->tree;
	struct level *const level = &tree->level[tree->depth];
	struct vr_line *const l = tree->n_words > 0 ? line_end(t, at) : level->last;

	if (l == NULL || l->has_block) {
		vr_fail(t->rep, at,
		    "'{' without a word before it: write the block's "
		    "name, or remove the brace");
		return -1;
	}
	if (tree->depth + 1 == MAX_DEPTH) {
		vr_fail(t->rep, at, "blocks within blocks, %d deep: is a '}' missing?",
		    MAX_DEPTH);
		return -1;
	}
	l->has_block = true;
	tree->level[++tree->depth] = (struct level){ .owner = l, .end = &l->child };
	return 0;
}

static int
block_close(struct vr_text *t, const struct vr_where *at)
{
	struct vr_tree *const tree = t->tree;

	if (tree->n_words > 0)
		line_end(t, at);
	if (tree->depth == 0) {
		vr_fail(t->rep, at,
		    "'}' closes nothing: one brace too many here, or one "
		    "'{' too few before");
		return -1;
	}
	tree->level[--tree->depth].last = NULL;
	return 0;
}

static int
word_add(struct vr_text *t, const char *word, const struct vr_where *at)
{
	struct vr_tree *const tree = t->tree;

	if (tree->n_words == VR_MAX_WORDS) {
		vr_fail(t->rep, at,
		    "a line of more than %d words: is a line break missing?",
		    VR_MAX_WORDS);
		return -1;
	}
	tree->word[tree->n_words++] = tw_arena_strdup(t->arena, word);
	return 0;
}

static int
token_add(
    struct vr_text *t, enum vr_token token, const char *word, const struct vr_where *at)
{
	switch (token) {
	case VR_TOKEN_WORD:
		return word_add(t, word, at);
	case VR_TOKEN_OPEN:
		return block_open(t, at);
	case VR_TOKEN_CLOSE:
		return block_close(t, at);
	default:
		vr_fail(t->rep, at, "a quote has no end: close it on the same line");
		return -1;
	}
}

void
vr_tree_add(struct vr_text *t, const char *line, const struct vr_where *at)
{
	char *const word = malloc(strlen(line) + 1);
	enum vr_token token;

	while (word != NULL && (token = vr_token(&line, word, true)) != VR_TOKEN_END) {
		if (token_add(t, token, word, at) != 0) {
			t->stopped = true;
			break;
		}
	}
	free(word);
	if (t->tree->n_words > 0)
		line_end(t, at);
}

static const char *
host_id(struct tw_arena *arena)
{
	struct utsname name;
	if (uname(&name) != 0)
		return "";
	name.nodename[strcspn(name.nodename, ".")] = '\0';
	return tw_arena_strdup(arena, name.nodename);
}

/* The same numbers on each reading of this file on this machine: the programs
 * that read it must agree. source: FNV-1a. */
static uint32_t
seed_of(const char *a, const char *b)
{
	uint32_t hash = 2166136261u;
	for (const char *p = a; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	for (const char *p = b; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	return hash | 1;
}

struct vr_line *
vr_tree_read(struct tw_arena *arena, const char *path, const struct vr_source *from,
    struct vr_report *rep)
{
	struct vr_tree *const tree = tw_arena_zalloc(arena, sizeof(*tree));
	struct vr_text t = { .arena = arena, .rep = rep, .from = from, .tree = tree };

	t.config_id = from->config_id != NULL ? from->config_id : host_id(arena);
	t.max_lines = from->max_lines != 0 ? from->max_lines : 1000000;
	t.random = seed_of(path, t.config_id);
	tree->level[0].end = &tree->first;
	vr_text_file(&t, path, &(struct vr_where){ .file = path });
	if (tree->depth > 0 && !t.stopped) {
		const struct vr_line *const open = tree->level[tree->depth].owner;
		vr_fail(rep, &open->where,
		    "the block of '%s' has no end: a '}' is missing", open->word[0]);
	}
	return tree->first;
}
