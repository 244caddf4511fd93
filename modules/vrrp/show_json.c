/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show_json.c - `show vrrp json`: an array with an object for each instance.
 * Any thread; no state. source: RFC 8259.
 */
#include "config.h"

#include <jansson.h>

#include <tideway/assert.h>

#include "show_text.h"

static json_t *
address_json(const struct vr_ip *ip)
{
	char text[64];

	return ip->family == 0 ? json_null()
			       : json_string(vr_ip_out(ip, text, sizeof(text)));
}

static json_t *
addresses_json(const struct vr_shown *row)
{
	json_t *const all = json_array();

	for (unsigned i = 0; i < row->n_vips && i < TW_N_ELEMENTS(row->vip); i++)
		json_array_append_new(all, address_json(&row->vip[i]));
	return all;
}

static json_t *
dropped_json(const struct vr_router_counters *n)
{
	json_t *const all = json_object();
	char word[16];

	for (int i = VR_OK + 1; i < VR_N_DROPS; i++)
		json_object_set_new(all, vr_text_drop_word((enum vr_drop)i, word),
		    json_integer((json_int_t)n->dropped[i]));
	return all;
}

static json_t *
counters_json(const struct vr_router_counters *n)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", /* */
	    "adverts_sent", (json_int_t)n->adverts_sent,                       /* */
	    "adverts_received", (json_int_t)n->adverts_received,               /* */
	    "zero_sent", (json_int_t)n->zero_sent,                             /* */
	    "zero_received", (json_int_t)n->zero_received,                     /* */
	    "became_master", (json_int_t)n->became_master,                     /* */
	    "released", (json_int_t)n->released,                               /* */
	    "preempted", (json_int_t)n->preempted,                             /* */
	    "contested", (json_int_t)n->contested,                             /* */
	    "held_back", (json_int_t)n->held_back,                             /* */
	    "dropped", dropped_json(n));
}

/* What changes. */
static void
state_json(json_t *o, const struct vr_shown *row)
{
	const bool is_master = row->state == VR_MASTER;

	json_object_set_new(o, "state", json_string(vr_state_name(row->state)));
	json_object_set_new(o, "since", json_real((double)row->entered_wall_us / 1e6));
	json_object_set_new(o, "priority", json_integer(row->priority));
	json_object_set_new(o, "own_address", address_json(&row->own));
	json_object_set_new(
	    o, "master_address", address_json(is_master ? &row->own : &row->master));
	json_object_set_new(o, "master_priority",
	    json_integer(is_master ? row->priority : row->master_priority));
	json_object_set_new(
	    o, "master_interval", json_real((double)row->master_advert_us / 1e6));
	json_object_set_new(o, "second_path",
	    json_string(vr_text_path_word((enum vr_second_path)row->path)));
	json_object_set_new(o, "split", json_boolean(row->is_split));
	json_object_set_new(o, "yielding", json_boolean(row->yielding));
}

static json_t *
row_json(const struct vr_shown *row)
{
	json_t *const o = json_object();

	json_object_set_new(o, "instance", json_string(row->name));
	json_object_set_new(o, "interface", json_string(row->interface));
	json_object_set_new(
	    o, "group", row->group[0] != '\0' ? json_string(row->group) : json_null());
	json_object_set_new(o, "vrid", json_integer(row->vrid));
	json_object_set_new(o, "family", json_string(vr_text_family(row->family)));
	json_object_set_new(o, "version", json_integer(row->version));
	json_object_set_new(o, "base_priority", json_integer(row->base_priority));
	json_object_set_new(
	    o, "wanted_state", json_string(vr_state_name(row->wants_state)));
	json_object_set_new(o, "interval", json_real((double)row->advert_us / 1e6));
	state_json(o, row);
	json_object_set_new(o, "addresses", addresses_json(row));
	json_object_set_new(o, "addresses_total", json_integer(row->n_vips));
	json_object_set_new(o, "counters", counters_json(&row->n));
	return o;
}

void
vr_show_json(FILE *to, const struct vr_shown *rows, unsigned n)
{
	json_t *const all = json_array();

	TW_ASSERT(all != NULL);
	for (unsigned i = 0; i < n; i++)
		TW_ASSERT(json_array_append_new(all, row_json(&rows[i])) == 0);
	json_dumpf(all, to, JSON_COMPACT | JSON_REAL_PRECISION(16));
	fputc('\n', to);
	json_decref(all);
}
