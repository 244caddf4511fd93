/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_track.c - track_script, track_interface, ... of instances and groups.
 *
 * Both forms, for all kinds: `track_script chk weight 5`, and a block with one
 * such line for each. Names are looked up when the whole file has been read.
 * What stands in no block is no error with keepalived, and then nothing is
 * checked: here it is one.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "health.h"

static const char *const kind_word[VR_N_TRACK_KINDS] = {
	[VR_TRACK_SCRIPT] = "track_script",
	[VR_TRACK_INTERFACE] = "track_interface",
	[VR_TRACK_PROCESS] = "track_process",
	[VR_TRACK_FILE] = "track_file",
	[VR_TRACK_FRONTEND] = "track_frontend",
	[VR_TRACK_BACKEND] = "track_backend",
	[VR_TRACK_WORKER] = "track_worker",
};

/* As far as a weight may go; 254 lets a file or process hold both ends. */
static int64_t
weight_limit(enum vr_track_kind kind)
{
	return kind == VR_TRACK_FILE || kind == VR_TRACK_PROCESS ? 254 : 253;
}

/* Options behind the name. in: l, the whole line, for messages. */
static int
options_read(
    struct vr_reader *r, const struct vr_line *l, unsigned i, struct vr_tracked *out)
{
	const int64_t limit = weight_limit(out->track.kind);
	int64_t value;

	for (; i < l->n_words; i++) {
		const char *const word = l->word[i];
		const char *const next = i + 1 < l->n_words ? l->word[i + 1] : NULL;
		if (strcmp(word, "weight") == 0 && next != NULL) {
			if (vr_get_int(r, l, next, -limit, limit, &value) != 0)
				return -1;
			out->track.weight = (int)value;
			out->has_weight = true;
			i++;
		} else if (strcmp(word, "min-servers") == 0 && next != NULL &&
		    out->track.kind == VR_TRACK_BACKEND) {
			if (vr_get_int(r, l, next, 1, 1000000, &value) != 0)
				return -1;
			out->track.min_servers = (uint32_t)value;
			i++;
		} else if (strcmp(word, "reverse") == 0) {
			out->track.reverse = true;
		} else if (strcmp(word, "noreverse") == 0 ||
		    strcmp(word, "no_reverse") == 0) {
			out->no_reverse = true;
		} else {
			return vr_expected(r, l, word,
			    out->track.kind == VR_TRACK_BACKEND
				? "min-servers N, weight N or reverse"
				: "weight N, reverse or noreverse");
		}
	}
	return 0;
}

/* One NAME with its options, from word i on. */
static void
track_read(
    struct vr_reader *r, enum vr_track_kind kind, const struct vr_line *l, unsigned i)
{
	struct vr_draft *const d = r->now;
	struct vr_tracked t = {
		.track = { .kind = kind, .min_servers = 1, .where = l->where }
	};

	if (kind == VR_TRACK_WORKER)
		t.track.name = "worker";
	else
		t.track.name = l->word[i++];
	if (kind >= VR_TRACK_FRONTEND && strlen(t.track.name) >= VR_NAME_LEN) {
		vr_expected(r, l, t.track.name, "a proxy's name, of at most 63 bytes,");
		return;
	}
	if (options_read(r, l, i, &t) != 0)
		return;
	if (kind == VR_TRACK_INTERFACE &&
	    vr_get_dev(r, l, t.track.name, &t.track.name) != 0)
		return;
	d->tracked = vr_grow(r, d->tracked, d->n_tracked, sizeof(*d->tracked));
	d->tracked[d->n_tracked++] = t;
}

void
vr_set_tracks(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	const enum vr_track_kind kind = (enum vr_track_kind)kw->low;
	const unsigned first = kind == VR_TRACK_WORKER ? 0 : 1;

	(void)to;
	if (!l->has_block || l->n_words > 1) {
		if (l->n_words > first)
			track_read(r, kind, l, 1);
		else
			vr_fail(r->rep, &l->where, "'%s' needs a name: %s %s", kw->word,
			    kw->word, kw->usage);
	}
	for (const struct vr_line *c = l->child; c != NULL; c = c->next)
		track_read(r, kind, c, 0);
}

/* --- names --------------------------------------------------------------- */

static const char *
script_name(const void *conf, unsigned i)
{
	const struct vr_conf *const c = conf;
	return i < c->n_scripts ? c->script[i].name : NULL;
}

static const char *
process_name(const void *conf, unsigned i)
{
	const struct vr_conf *const c = conf;
	return i < c->n_processes ? c->process[i].name : NULL;
}

static const char *
file_name(const void *conf, unsigned i)
{
	const struct vr_conf *const c = conf;
	return i < c->n_files ? c->file[i].name : NULL;
}

static const struct {
	const char *block;
	const char *(*name)(const void *conf, unsigned i);
} tables[VR_N_TRACK_KINDS] = {
	[VR_TRACK_SCRIPT] = { "vrrp_script", script_name },
	[VR_TRACK_PROCESS] = { "vrrp_track_process", process_name },
	[VR_TRACK_FILE] = { "track_file", file_name },
};

/* returns: 0; -1: there is none of that name, said. */
static int
name_find(struct vr_reader *r, struct vr_track *t)
{
	const char *name;

	if (tables[t->kind].name == NULL)
		return 0;
	for (t->index = 0;; t->index++) {
		name = tables[t->kind].name(r->conf, t->index);
		if (name == NULL)
			break;
		if (strcmp(name, t->name) == 0)
			return 0;
	}
	name = vr_nearest(t->name, tables[t->kind].name, r->conf);
	vr_fail(r->rep, &t->where,
	    "%s '%s': there is no %s of that name, so nothing would be checked%s%s%s: "
	    "define it, or remove this line",
	    kind_word[t->kind], t->name, tables[t->kind].block,
	    name != NULL ? "; is '" : "", name != NULL ? name : "",
	    name != NULL ? "' meant?" : "");
	return -1;
}

/* What the thing itself says, where the line does not. */
static void
inherit(const struct vr_conf *conf, struct vr_tracked *t)
{
	int weight = 0;
	bool reverse = false;

	if (t->track.kind == VR_TRACK_SCRIPT) {
		weight = conf->script[t->track.index].weight;
		reverse = conf->script[t->track.index].reverse;
	} else if (t->track.kind == VR_TRACK_PROCESS) {
		weight = conf->process[t->track.index].weight;
		reverse = conf->process[t->track.index].reverse;
	} else if (t->track.kind == VR_TRACK_FILE) {
		weight = conf->file[t->track.index].weight;
		reverse = conf->file[t->track.index].reverse;
	}
	if (!t->has_weight)
		t->track.weight = weight;
	if (reverse && !t->no_reverse)
		t->track.reverse = true;
}

static bool
is_twice(const struct vr_track *list, unsigned n, const struct vr_track *t)
{
	for (unsigned i = 0; i < n; i++) {
		if (list[i].kind == t->kind && strcmp(list[i].name, t->name) == 0)
			return true;
	}
	return false;
}

void
vr_tracks_resolve(
    struct vr_reader *r, const struct vr_draft *d, struct vr_track **out, unsigned *n)
{
	*n = 0;
	*out = tw_arena_zalloc(r->arena, (d->n_tracked + 1) * sizeof(**out));
	for (unsigned i = 0; i < d->n_tracked; i++) {
		struct vr_tracked t = d->tracked[i];
		if (name_find(r, &t.track) != 0)
			continue;
		if (is_twice(*out, *n, &t.track)) {
			vr_warn(r->rep, &t.track.where,
			    "%s '%s' a second time: the first one counts; remove one",
			    kind_word[t.track.kind], t.track.name);
			continue;
		}
		inherit(r->conf, &t);
		(*out)[(*n)++] = t.track;
	}
}
