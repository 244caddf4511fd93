/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dynamic.c - checks of servers that are added or deleted at run time.
 *
 * What complete.c does for all servers of a generation is done for one, with
 * HAProxy's words where tools wait for them. Control thread.
 */
#include "hc_run.h"

static struct tw_proxy *
track_backend(struct tw_server *srv, const char *track, const char **name)
{
	const char *const slash = strchr(track, '/');
	char backend[256];

	*name = slash != NULL ? slash + 1 : track;
	if (slash == NULL)
		return tw_server_proxy(srv);
	if ((size_t)(slash - track) >= sizeof(backend))
		return NULL;
	memcpy(backend, track, (size_t)(slash - track));
	backend[slash - track] = '\0';
	return tw_gen_find(tw_proxy_gen(tw_server_proxy(srv)), backend, TW_BACKEND);
}

/* The end of the chain must be checked, and no server that may be deleted. */
static int
track_check(struct tw_server *srv, struct tw_server *of, struct tw_err *err)
{
	const char *const backend = tw_proxy_name(tw_server_proxy(of));
	const struct tw_server *end = of;

	if (tw_server_is_dynamic(of))
		return tw_err_set(err,
		    "unable to use %s/%s for tracking as it is a dynamic server.",
		    backend, tw_server_name(of));
	while (tw_server_tracked(end) != NULL)
		end = tw_server_tracked(end);
	if (!tw_server_is_checked(end) && !tw_server_has_agent(end))
		return tw_err_set(err,
		    "unable to use %s/%s for tracking as it does not have any check "
		    "nor agent enabled.",
		    backend, tw_server_name(of));
	if (tw_server_is_checked(srv))
		return tw_err_set(err,
		    "unable to track %s/%s: checks and tracking are not possible at "
		    "the same time; leave out 'check' or 'track'.",
		    backend, tw_server_name(of));
	if (hc_conf_of(end)->disable_on_404 != hc_conf_of(srv)->disable_on_404)
		return tw_err_set(err,
		    "unable to use %s/%s for tracking: disable-on-404 option "
		    "inconsistency.",
		    backend, tw_server_name(of));
	return 0;
}

static int
track_take(struct tw_server *srv, struct tw_err *err)
{
	struct hc_server *const s = hc_server_of(srv);
	const char *name;
	struct tw_proxy *const px = track_backend(srv, s->track, &name);

	if (px == NULL)
		return tw_err_set(err,
		    "unable to find required proxy '%.*s' for tracking.",
		    (int)(name - s->track - 1), s->track);
	s->tracked = tw_proxy_find_server(px, name);
	if (s->tracked == NULL)
		return tw_err_set(
		    err, "unable to find required server '%s' for tracking.", name);
	if (track_check(srv, s->tracked, err) != 0)
		return -1;
	tw_server_set_tracked(srv, s->tracked);
	return 0;
}

/* The hooks that look at traffic are there or not since the start. */
static int
observe_check(const struct tw_server *srv, struct tw_err *err)
{
	const struct hc_server *const s = hc_server_of(srv);
	const struct tw_proxy *const px = tw_server_proxy(srv);

	if (s->observe == HC_OBSERVE_NONE)
		return 0;
	if (s->observe == HC_OBSERVE_L7 && tw_proxy_mode(px) != TW_MODE_HTTP)
		return tw_err_set(err,
		    "'observe layer7' can only be used in http proxies; write 'observe "
		    "layer4'.");
	if (!hc_backend_observes(px))
		return tw_err_set(err,
		    "'observe' is not possible here: no server of the file's backend "
		    "'%s' has it, so its traffic is not looked at.",
		    tw_proxy_name(px));
	return 0;
}

int
hc_server_check(struct tw_server *srv, struct tw_err *err)
{
	const struct tw_proxy *const px = tw_server_proxy(srv);
	struct hc_server *const s = hc_server_of(srv);
	struct tw_check_conf c;

	if (hc_conf_choose(tw_proxy_gen(px), srv, err) != 0 ||
	    hc_secure_prepare(srv, err) != 0)
		return -1;
	tw_server_check_conf(srv, &c);
	if (tw_server_is_checked(srv) && c.no_port && !hc_has_port(hc_conf_of(srv)))
		return tw_err_set(err,
		    "config: %s '%s': server '%s' has neither service port nor check "
		    "port nor tcp_check rule 'connect' with port information.",
		    tw_proxy_has(px, TW_FRONTEND) ? "proxy" : "backend",
		    tw_proxy_name(px), tw_server_name(srv));
	if (s->agent && s->agent_port == 0)
		return tw_err_set(err,
		    "server %s does not have agent port. Agent check has been "
		    "disabled.",
		    tw_server_name(srv));
	if (observe_check(srv, err) != 0)
		return -1;
	if (s->agent)
		hc_agent_complete(tw_gen_arena(tw_proxy_gen(px)), srv, s);
	return s->track != NULL ? track_take(srv, err) : 0;
}

void
hc_server_event(struct tw_server *srv, enum tw_server_event what)
{
	if (what == TW_SERVER_ADDED)
		hc_runner_add(srv);
	else if (what == TW_SERVER_REMOVED)
		hc_runner_remove(srv);
}
