/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_lvs.c - the blocks of LVS are skipped, each with one warning that says
 * what to write into the balancer's configuration instead.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "conf.h"

#define ADVICE_BYTES 700
#define MAX_SERVERS 16

static const char *
value_of(const struct vr_line *block, const char *word)
{
	for (const struct vr_line *l = block->child; l != NULL; l = l->next) {
		if (strcmp(l->word[0], word) == 0 && l->n_words > 1)
			return l->word[1];
	}
	return NULL;
}

static bool
is_v6(const char *address)
{
	return strchr(address, ':') != NULL;
}

static void
put_address(struct tw_out *o, const struct vr_line *l)
{
	tw_out_printf(o, is_v6(l->word[1]) ? "[%s]" : "%s", l->word[1]);
	if (l->n_words > 2)
		tw_out_printf(o, ":%s", l->word[2]);
}

static bool
has_check(const struct vr_line *server)
{
	for (const struct vr_line *l = server->child; l != NULL; l = l->next) {
		if (l->has_block)
			return true;
	}
	return false;
}

static void
put_servers(struct tw_out *o, const struct vr_line *block)
{
	unsigned n = 0;

	for (const struct vr_line *l = block->child; l != NULL; l = l->next) {
		const bool is_sorry = strcmp(l->word[0], "sorry_server") == 0;
		if ((!is_sorry && strcmp(l->word[0], "real_server") != 0) ||
		    l->n_words < 2)
			continue;
		if (n++ == MAX_SERVERS) {
			tw_out_lit(o, "; ...");
			return;
		}
		tw_out_printf(o, "; server s%u ", n);
		put_address(o, l);
		const char *const weight = value_of(l, "weight");
		if (weight != NULL)
			tw_out_printf(o, " weight %s", weight);
		tw_out_printf(
		    o, "%s%s", has_check(l) ? " check" : "", is_sorry ? " backup" : "");
	}
}

/* virtual_server ADDRESS [PORT], fwmark N, group NAME. */
static void
put_listen(struct tw_out *o, const struct vr_line *l)
{
	const bool is_address = l->n_words > 1 && strcmp(l->word[1], "fwmark") != 0 &&
	    strcmp(l->word[1], "group") != 0;
	const char *const algorithm = value_of(l, "lb_algo") != NULL
	    ? value_of(l, "lb_algo")
	    : value_of(l, "lvs_sched");

	tw_out_lit(o, "listen NAME; mode tcp; bind ");
	if (is_address)
		put_address(o, l);
	else
		tw_out_lit(o, "ADDRESS:PORT");
	if (algorithm != NULL && strcmp(algorithm, "sh") == 0)
		tw_out_lit(o, "; balance source");
	else if (algorithm != NULL && strstr(algorithm, "lc") != NULL)
		tw_out_lit(o, "; balance leastconn");
	put_servers(o, l);
}

void
vr_set_lvs(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	char advice[ADVICE_BYTES];
	struct tw_out o = tw_out_of(advice, sizeof(advice) - 1);

	(void)to, (void)kw;
	if (strcmp(l->word[0], "virtual_server") == 0) {
		const char *const protocol = value_of(l, "protocol");
		if (protocol != NULL && strcasecmp(protocol, "TCP") != 0)
			tw_out_printf(&o,
			    "%s is not balanced here: leave this block to "
			    "keepalived or ipvsadm",
			    protocol);
		else {
			tw_out_lit(&o, "write into the balancer's configuration: ");
			put_listen(&o, l);
		}
	} else if (strcmp(l->word[0], "virtual_server_group") == 0) {
		tw_out_lit(&o,
		    "write a 'bind ADDRESS:PORT' for each of its lines into a "
		    "listen of the balancer's configuration");
	} else {
		tw_out_lit(&o,
		    "write a listen with bind and server lines into the "
		    "balancer's configuration");
	}
	*o.p = '\0';
	vr_warn(r->rep, &l->where,
	    "%s%s%s is skipped, as LVS is not part of this program; %s", l->word[0],
	    l->n_words > 1 ? " " : "", l->n_words > 1 ? l->word[1] : "", advice);
}
