/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dump_json.c - keepalived's JSON dump: an array, for each instance its data
 * and its statistics, under keepalived's names. The VRRP process. source: RFC
 * 8259.
 */
#include "config.h"

#include <jansson.h>

#include <tideway/assert.h>

#include "dump.h"

static void
put_int(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static void
put_bool(json_t *o, const char *key, bool v)
{
	json_object_set_new(o, key, json_boolean(v));
}

/* Not all bytes of a configuration are UTF-8: those that are not are left out. */
static void
put_text(json_t *o, const char *key, const char *text)
{
	json_t *const v = json_string(text);

	json_object_set_new(o, key, v != NULL ? v : json_string(""));
}

/* Seconds, without a fraction where there is none. */
static void
put_seconds(json_t *o, const char *key, uint64_t us)
{
	if (us % 1000000 == 0)
		put_int(o, key, us / 1000000);
	else
		json_object_set_new(o, key, json_real((double)us / 1e6));
}

static void
put_command(json_t *o, const char *key, const struct vr_command *cmd)
{
	char text[VR_TEXT_BYTES];

	if (cmd->argv != NULL)
		put_text(o, key, vr_text_command(cmd, text));
}

/* An array appears where it has something. */
static void
put_array(json_t *o, const char *key, json_t *all)
{
	if (json_array_size(all) > 0)
		json_object_set(o, key, all);
	json_decref(all);
}

static void
append_text(json_t *all, const char *text)
{
	json_array_append_new(all, json_string(text));
}

static void
put_vips(json_t *o, const char *key, const struct vr_router *r, bool excluded)
{
	const struct vr_instance *const in = r->conf;
	json_t *const all = json_array();
	char text[VR_TEXT_BYTES];

	for (unsigned i = 0; i < in->n_vips; i++)
		if ((i >= in->n_advertised) == excluded)
			append_text(all,
			    vr_text_vip(in, &in->vip[i], r->state == VR_MASTER, text));
	put_array(o, key, all);
}

static void
put_routes(json_t *o, const struct vr_instance *in)
{
	json_t *const routes = json_array(), *const rules = json_array();
	char text[VR_TEXT_BYTES];

	for (unsigned i = 0; i < in->n_routes; i++)
		append_text(routes, vr_text_route(&in->route[i], text));
	for (unsigned i = 0; i < in->n_rules; i++)
		append_text(rules, vr_text_rule(&in->rule[i], text));
	put_array(o, "vroutes", routes);
	put_array(o, "vrules", rules);
}

static void
put_tracks(json_t *o, const struct vr_conf *conf, const struct vr_instance *in)
{
	json_t *const interfaces = json_array(), *const scripts = json_array();
	char text[VR_TEXT_BYTES];

	for (unsigned i = 0; i < in->n_tracks; i++) {
		const struct vr_track *const t = &in->track[i];

		if (t->kind == VR_TRACK_INTERFACE)
			append_text(interfaces, t->name);
		else if (t->kind == VR_TRACK_SCRIPT)
			append_text(scripts,
			    vr_text_command(&conf->script[t->index].run, text));
	}
	put_array(o, "track_ifp", interfaces);
	put_array(o, "track_script", scripts);
}

static void
put_garp(json_t *o, const struct vr_instance *in)
{
	put_seconds(o, "garp_delay", in->garp.delay_us);
	put_seconds(o, "garp_refresh", in->garp.refresh_us);
	put_int(o, "garp_rep", in->garp.repeat);
	put_int(o, "garp_refresh_rep", in->garp.refresh_repeat);
	put_seconds(o, "garp_lower_prio_delay", in->garp.lower_prio_delay_us);
	put_int(o, "garp_lower_prio_rep", in->garp.lower_prio_repeat);
	put_int(o, "lower_prio_no_advert", in->lower_prio_no_advert);
	put_int(o, "higher_prio_send_advert", in->higher_prio_send_advert);
}

/* INIT 0, BACKUP 1, MASTER 2, FAULT 3: the same numbers as keepalived's. */
static void
put_election(json_t *o, const struct vr_router *r)
{
	const struct vr_instance *const in = r->conf;

	put_int(o, "vrid", in->vrid);
	put_int(o, "base_priority", in->priority);
	put_int(o, "effective_priority", r->priority);
	put_bool(o, "vipset", r->state == VR_MASTER);
	put_bool(o, "promote_secondaries", in->promote_secondaries);
	put_seconds(o, "adver_int", in->advert_us);
	put_seconds(o, "master_adver_int",
	    r->master_advert_us != 0 ? r->master_advert_us : in->advert_us);
	put_int(o, "accept", in->accept);
	put_bool(o, "nopreempt", in->nopreempt);
	put_seconds(o, "preempt_delay", in->preempt_delay_us);
	put_int(o, "state", r->state);
	put_int(o, "wantstate", in->wants_master ? VR_MASTER : VR_BACKUP);
	put_int(o, "version", in->version);
}

static void
put_notify(json_t *o, const struct vr_notify *notify)
{
	put_bool(o, "smtp_alert", false); /* no mail is sent */
	put_bool(o, "notify_deleted", notify->tells_deleted);
	put_command(o, "script_backup", &notify->backup);
	put_command(o, "script_master", &notify->master);
	put_command(o, "script_fault", &notify->fault);
	put_command(o, "script_stop", &notify->stop);
	put_command(o, "script_deleted", &notify->deleted);
	put_command(o, "script_master_rx_lower_pri", &notify->master_rx_lower_pri);
	put_command(o, "script", &notify->any);
}

static json_t *
data_json(const struct vr_conf *conf, const struct vr_router *r)
{
	const struct vr_instance *const in = r->conf;
	char password[VR_MAX_PASSWORD + 1];
	json_t *const o = json_object();

	put_text(o, "iname", in->name);
	put_int(o, "dont_track_primary", in->dont_track_primary);
	put_int(o, "skip_check_adv_addr", in->skip_check_adv_addr);
	put_int(o, "strict_mode", in->strict);
	put_text(o, "vmac_ifname", in->use_vmac ? in->vmac_name : "");
	put_text(o, "ifp_ifname", in->use_vmac ? in->vmac_name : in->interface);
	put_int(o, "master_priority", r->state == VR_BACKUP ? r->master_priority : 0);
	put_seconds(o, "last_transition", vr_wall_of(r->entered_us));
	put_garp(o, in);
	put_election(o, r);
	put_notify(o, &in->notify);
	put_vips(o, "vips", r, false);
	put_vips(o, "evips", r, true);
	put_routes(o, in);
	put_tracks(o, conf, in);
	put_int(o, "auth_type", in->auth);
	if (in->auth != VR_AUTH_NONE)
		put_text(o, "auth_data", vr_text_password(in, password));
	return o;
}

static json_t *
stats_json(const struct vr_router_counters *n)
{
	json_t *const o = json_object();

	put_int(o, "advert_rcvd", n->adverts_received);
	put_int(o, "advert_sent", n->adverts_sent);
	put_int(o, "become_master", n->became_master);
	put_int(o, "release_master", n->released);
	put_int(o, "packet_len_err", n->dropped[VR_DROP_LENGTH]);
	put_int(o, "advert_interval_err", n->dropped[VR_DROP_INTERVAL]);
	put_int(o, "ip_ttl_err", n->dropped[VR_DROP_TTL]);
	put_int(o, "invalid_type_rcvd", n->dropped[VR_DROP_TYPE]);
	put_int(o, "addr_list_err",
	    n->dropped[VR_DROP_ADDRESSES] + n->dropped[VR_DROP_COUNT]);
	put_int(o, "invalid_authtype", 0); /* one that is not known differs too */
	put_int(o, "authtype_mismatch", n->dropped[VR_DROP_AUTH_TYPE]);
	put_int(o, "auth_failure", n->dropped[VR_DROP_AUTH]);
	put_int(o, "pri_zero_rcvd", n->zero_received);
	put_int(o, "pri_zero_sent", n->zero_sent);
	return o;
}

void
vr_dump_json(FILE *to, const struct vr_conf *conf, const struct vr_router *routers)
{
	json_t *const all = json_array();

	TW_ASSERT(all != NULL);
	for (unsigned i = 0; i < conf->n_instances; i++) {
		json_t *const o = json_object();

		json_object_set_new(o, "data", data_json(conf, &routers[i]));
		json_object_set_new(o, "stats", stats_json(&routers[i].n));
		json_array_append_new(all, o);
	}
	json_dumpf(all, to, JSON_COMPACT | JSON_ESCAPE_SLASH | JSON_REAL_PRECISION(16));
	json_decref(all);
}
