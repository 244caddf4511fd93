/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_vrrp_conf.c - any bytes as a keepalived.conf, read from memory.
 *
 * Beyond not crashing: a text is refused if and only if an error was reported,
 * each message has a line, and what is accepted is whole: names resolved,
 * limits kept.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <tideway/assert.h>

#include "modules/vrrp/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
on_message(void *arg, bool is_error, const struct vr_where *at, const char *text)
{
	(void)arg, (void)is_error;
	TW_ASSERT(at->file != NULL && at->line >= 0);
	TW_ASSERT(text[0] != '\0');
}

static void
check_tracks(const struct vr_conf *conf, const struct vr_track *track, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const unsigned limit[VR_N_TRACK_KINDS] = {
			[VR_TRACK_SCRIPT] = conf->n_scripts,
			[VR_TRACK_PROCESS] = conf->n_processes,
			[VR_TRACK_FILE] = conf->n_files,
		};
		TW_ASSERT(track[i].kind < VR_N_TRACK_KINDS && track[i].name != NULL);
		TW_ASSERT(
		    limit[track[i].kind] == 0 || track[i].index < limit[track[i].kind]);
	}
}

static void
check_instance(const struct vr_conf *conf, const struct vr_instance *in)
{
	TW_ASSERT(in->interface != NULL && strlen(in->interface) < IF_NAMESIZE);
	TW_ASSERT(in->vrid >= 1 && in->priority >= 1 && in->advert_us > 0);
	TW_ASSERT(in->family == AF_INET || in->family == AF_INET6);
	TW_ASSERT(in->version == 3 || (in->version == 2 && in->family == AF_INET));
	TW_ASSERT(in->n_advertised <= in->n_vips && in->n_advertised <= VR_MAX_VIPS);
	TW_ASSERT(in->group < (int)conf->n_groups);
	for (unsigned i = 0; i < in->n_vips; i++) {
		TW_ASSERT(in->vip[i].dev != NULL);
		TW_ASSERT(in->vip[i].excluded == (i >= in->n_advertised));
	}
	check_tracks(conf, in->track, in->n_tracks);
}

static void
check_conf(const struct vr_conf *conf)
{
	for (unsigned i = 0; i < conf->n_instances; i++)
		check_instance(conf, &conf->instance[i]);
	for (unsigned i = 0; i < conf->n_groups; i++) {
		check_tracks(conf, conf->group[i].track, conf->group[i].n_tracks);
		for (unsigned j = 0; j < conf->group[i].n_members; j++)
			TW_ASSERT(conf->group[i].member[j] < conf->n_instances);
	}
	for (unsigned i = 0; i < conf->n_scripts; i++)
		TW_ASSERT(
		    conf->script[i].run.argv[0] != NULL && conf->script[i].rise >= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct vr_source from = { .config_id = "main",
		.text = (const char *)data,
		.text_len = len,
		.max_lines = 2000 };
	struct vr_report rep = { .say = on_message };
	struct vr_conf *conf;

	if (data == NULL)
		return 0;
	conf = vr_conf_read_from("fuzz.conf", &from, &rep);
	TW_ASSERT((conf == NULL) == (rep.n_errors > 0));
	if (conf != NULL) {
		check_conf(conf);
		vr_lint(conf, conf, &rep);
	}
	vr_conf_free(&conf);
	return 0;
}
