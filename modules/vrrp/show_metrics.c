/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show_metrics.c - Prometheus samples of the VRRP instances.
 *
 * Tables give names, types and help; a state is a set of samples of which one
 * is 1, as the exposition formats have it. Any thread; no state. source:
 * Prometheus text format 0.0.4, OpenMetrics 1.0 (StateSet).
 */
#include "config.h"

#include <inttypes.h>

#include "show_text.h"

struct metric {
	const char *name, *help;
	size_t offset; /* in struct vr_shown */
	size_t size;   /* 1: a byte; 8 */
	double scale;  /* 0: as it is */
};

#define OF(field) \
	offsetof(struct vr_shown, field), sizeof(((struct vr_shown *)0)->field)

static const struct metric gauges[] = {
	{ "priority", "Effective priority.", OF(priority), 0 },
	{ "base_priority", "Configured priority.", OF(base_priority), 0 },
	{ "split", "1 when this node and another claim the addresses.", OF(is_split),
	    0 },
	{ "yielding", "1 after 'vrrp yield'.", OF(yielding), 0 },
	{ "advert_interval_seconds", "Configured advertisement interval.",
	    OF(advert_us), 1e-6 },
	{ "state_entered_timestamp_seconds", "When the present state was entered.",
	    OF(entered_wall_us), 1e-6 },
};

static const struct metric counters[] = {
	{ "adverts_sent_total", "Advertisements sent.", OF(n.adverts_sent), 0 },
	{ "adverts_received_total", "Valid advertisements received.",
	    OF(n.adverts_received), 0 },
	{ "zero_priority_sent_total", "Advertisements sent to leave.", OF(n.zero_sent),
	    0 },
	{ "zero_priority_received_total", "Advertisements of masters that left.",
	    OF(n.zero_received), 0 },
	{ "became_master_total", "Times it became master.", OF(n.became_master), 0 },
	{ "released_total", "Times it ceased to be master.", OF(n.released), 0 },
	{ "preempted_total", "Times a higher priority took over.", OF(n.preempted), 0 },
	{ "contested_total", "Times another machine announced an address.",
	    OF(n.contested), 0 },
	{ "held_back_total", "Takeovers that the second path forbade.", OF(n.held_back),
	    0 },
};

static void
head_write(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP tideway_vrrp_%s %s\n# TYPE tideway_vrrp_%s %s\n", name,
	    help, name, type);
}

/* A label's value, escaped. */
static void
value_write(FILE *to, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			fputs("\\n", to);
		else {
			if (*text == '"' || *text == '\\')
				fputc('\\', to);
			fputc(*text, to);
		}
	}
}

/* in: key, NULL: no label but the instance's. */
static void
name_write(FILE *to, const char *name, const struct vr_shown *row, const char *key,
    const char *value)
{
	fprintf(to, "tideway_vrrp_%s{instance=\"", name);
	value_write(to, row->name);
	fputs("\",interface=\"", to);
	value_write(to, row->interface);
	fprintf(
	    to, "\",vrid=\"%u\",family=\"%s\"", row->vrid, vr_text_family(row->family));
	if (key != NULL)
		fprintf(to, ",%s=\"%s\"", key, value);
	fputs("} ", to);
}

static uint64_t
metric_get(const struct metric *m, const struct vr_shown *row)
{
	const char *const at = (const char *)row + m->offset;
	uint64_t v = 0;

	if (m->size == 1)
		return *(const uint8_t *)at;
	memcpy(&v, at, sizeof(v));
	return v;
}

static void
metric_write(FILE *to, const struct metric *m, const char *type,
    const struct vr_shown *rows, unsigned n)
{
	head_write(to, m->name, type, m->help);
	for (unsigned i = 0; i < n; i++) {
		const uint64_t v = metric_get(m, &rows[i]);

		name_write(to, m->name, &rows[i], NULL, NULL);
		if (m->scale > 0)
			fprintf(to, "%.16g\n", (double)v * m->scale);
		else
			fprintf(to, "%" PRIu64 "\n", v);
	}
}

static void
states_write(FILE *to, const struct vr_shown *rows, unsigned n)
{
	char word[16];

	head_write(to, "state", "gauge", "1 for the present state.");
	for (unsigned i = 0; i < n; i++) {
		for (int s = 0; s < VR_N_STATES; s++) {
			name_write(to, "state", &rows[i], "state",
			    vr_text_state_word((enum vr_state)s, word));
			fprintf(to, "%d\n", rows[i].state == s);
		}
	}
}

static void
paths_write(FILE *to, const struct vr_shown *rows, unsigned n)
{
	head_write(
	    to, "second_path", "gauge", "1 for what the second path says of the peer.");
	for (unsigned i = 0; i < n; i++) {
		for (int p = VR_PATH_NONE; p <= VR_PATH_GONE; p++) {
			name_write(to, "second_path", &rows[i], "peer",
			    vr_text_path_word((enum vr_second_path)p));
			fprintf(to, "%d\n", rows[i].path == p);
		}
	}
}

static void
drops_write(FILE *to, const struct vr_shown *rows, unsigned n)
{
	char word[16];

	head_write(to, "adverts_dropped_total", "counter",
	    "Packets that were not valid, by reason.");
	for (unsigned i = 0; i < n; i++) {
		for (int d = VR_OK + 1; d < VR_N_DROPS; d++) {
			name_write(to, "adverts_dropped_total", &rows[i], "reason",
			    vr_text_drop_word((enum vr_drop)d, word));
			fprintf(to, "%" PRIu64 "\n", rows[i].n.dropped[d]);
		}
	}
}

void
vr_show_metrics(FILE *to, const struct vr_shown *rows, unsigned n)
{
	if (n == 0)
		return;
	states_write(to, rows, n);
	paths_write(to, rows, n);
	for (size_t i = 0; i < TW_N_ELEMENTS(gauges); i++)
		metric_write(to, &gauges[i], "gauge", rows, n);
	for (size_t i = 0; i < TW_N_ELEMENTS(counters); i++)
		metric_write(to, &counters[i], "counter", rows, n);
	drops_write(to, rows, n);
}
