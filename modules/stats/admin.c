/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * admin.c - actions on servers, posted from the page.
 *
 * The form is read on the request's worker; what it asks for changes servers
 * and so runs on the control thread, on the running generation, found by
 * name. The job has memory of its own: the request may end before it. Field
 * names and result codes are HAProxy's.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "st.h"

#define JOB_MAGIC 0x53544a42u
#define NAME_MAX_LEN 256
#define BACKEND_NAME_MAX (NAME_MAX_LEN + 1)

struct st_job {
	uint32_t magic;
	struct tw_req *req;       /* its worker only; NULL: it has ended */
	struct tw_worker *worker; /* where req lives */
	bool left;                /* its worker only */
	const char *result;       /* its worker only; NULL: not done yet */
	const char *code;         /* from the control thread to the worker */
	const struct st_action *action;
	char backend[BACKEND_NAME_MAX]; /* a name, or "#id" */
	char who[160];
	int n_servers;
	char *server[]; /* owns: names, behind the pointers */
};

static bool
act_ready(struct tw_server *srv, const char *who)
{
	tw_server_set_admin(srv, 0, who);
	return true;
}

static bool
act_drain(struct tw_server *srv, const char *who)
{
	tw_server_set_admin(srv, TW_ADM_DRAIN, who);
	return true;
}

static bool
act_maint(struct tw_server *srv, const char *who)
{
	tw_server_set_admin(srv, TW_ADM_MAINT, who);
	return true;
}

static bool
act_up(struct tw_server *srv, const char *who)
{
	tw_server_force_health(srv, TW_UP, who);
	return true;
}

static bool
act_nolb(struct tw_server *srv, const char *who)
{
	tw_server_force_health(srv, TW_NOLB, who);
	return true;
}

static bool
act_down(struct tw_server *srv, const char *who)
{
	tw_server_force_health(srv, TW_DOWN, who);
	return true;
}

static bool
act_pause(struct tw_server *srv, const char *who)
{
	if (!tw_server_is_checked(srv))
		return false;
	tw_server_pause_checks(srv, true, who);
	return true;
}

static bool
act_check(struct tw_server *srv, const char *who)
{
	if (!tw_server_is_checked(srv))
		return false;
	tw_server_pause_checks(srv, false, who);
	return true;
}

static bool
agent_pause(struct tw_server *srv, bool paused, const char *who)
{
	if (!tw_server_has_agent(srv))
		return false;
	tw_server_pause_agent(srv, paused, who);
	return true;
}

static bool
act_agent_pause(struct tw_server *srv, const char *who)
{
	return agent_pause(srv, true, who);
}

static bool
act_agent_ask(struct tw_server *srv, const char *who)
{
	return agent_pause(srv, false, who);
}

static bool
agent_force(struct tw_server *srv, bool up, const char *who)
{
	if (!tw_server_has_agent(srv))
		return false;
	tw_server_force_agent(srv, up, who);
	return true;
}

static bool
act_agent_up(struct tw_server *srv, const char *who)
{
	return agent_force(srv, true, who);
}

static bool
act_agent_down(struct tw_server *srv, const char *who)
{
	return agent_force(srv, false, who);
}

static bool
act_shutdown(struct tw_server *srv, const char *who)
{
	(void)who;
	tw_server_shut_sessions(srv);
	return true;
}

const struct st_action st_actions[] = {
	{ "ready", "Set state to READY", act_ready },
	{ "drain", "Set state to DRAIN", act_drain },
	{ "maint", "Set state to MAINT", act_maint },
	{ "dhlth", "Health: disable checks", act_pause },
	{ "ehlth", "Health: enable checks", act_check },
	{ "hrunn", "Health: force UP", act_up },
	{ "hnolb", "Health: force NOLB", act_nolb },
	{ "hdown", "Health: force DOWN", act_down },
	{ "dagent", "Agent: disable checks", act_agent_pause },
	{ "eagent", "Agent: enable checks", act_agent_ask },
	{ "arunn", "Agent: force UP", act_agent_up },
	{ "adown", "Agent: force DOWN", act_agent_down },
	{ "shutdown", "Kill Sessions", act_shutdown },
	{ NULL, NULL, NULL },
};

/* --- the form --- */

struct form {
	struct tw_str action, backend, token;
	struct tw_str server[512];
	int n_servers, n_bytes;
};

/* in: body, is decoded in place. returns: NULL, or a code. */
static const char *
form_read(struct tw_str body, struct form *f)
{
	struct tw_str name, value;

	*f = (struct form){ .n_servers = 0 };
	while (st_form_next(&body, &name, &value)) {
		if (tw_str_eq(name, TW_STR("action")))
			f->action = value;
		else if (tw_str_eq(name, TW_STR("b")))
			f->backend = value;
		else if (tw_str_eq(name, TW_STR("t")))
			f->token = value;
		else if (tw_str_eq(name, TW_STR("s"))) {
			if (f->n_servers == (int)TW_N_ELEMENTS(f->server))
				return "EXCD";
			f->server[f->n_servers++] = value;
			f->n_bytes += (int)value.len + 1;
		}
	}
	if (f->action.len == 0 || f->backend.len == 0 || f->n_servers == 0)
		return "NONE";
	return f->backend.len < BACKEND_NAME_MAX ? NULL : "ERRP";
}

static const struct st_action *
action_find(struct tw_str word)
{
	const struct st_action *a = st_actions;

	while (a->word != NULL && !tw_str_eq(tw_str_of(a->word), word))
		a++;
	return a->word != NULL ? a : NULL;
}

static struct st_job *
job_new(const struct form *f, const struct st_action *action)
{
	const size_t names_at =
	    sizeof(struct st_job) + sizeof(char *) * (size_t)f->n_servers;
	struct st_job *job = calloc(1, names_at + (size_t)f->n_bytes);

	if (job == NULL)
		return NULL;
	char *p = (char *)job + names_at;
	job->magic = JOB_MAGIC;
	job->action = action;
	job->n_servers = f->n_servers;
	memcpy(job->backend, f->backend.p, f->backend.len);
	for (int i = 0; i < f->n_servers; i++) {
		job->server[i] = p;
		memcpy(p, f->server[i].p, f->server[i].len);
		p += f->server[i].len + 1;
	}
	return job;
}

/* --- the control thread --- */

static struct tw_proxy *
backend_find(struct tw_gen *gen, const char *name)
{
	struct tw_proxy *px;

	if (gen == NULL || name[0] != '#')
		return gen ? tw_gen_find(gen, name, TW_BACKEND) : NULL;
	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		if (tw_proxy_has(px, TW_BACKEND) &&
		    tw_proxy_id(px) == strtoul(name + 1, NULL, 10))
			return px;
	return NULL;
}

/* returns: HAProxy's code. */
static const char *
job_do(const struct st_job *job)
{
	const struct tw_proxy *px = backend_find(tw_gen_running(), job->backend);
	int n_known = 0, n_done = 0;

	for (int i = 0; px != NULL && i < job->n_servers; i++) {
		struct tw_server *srv = tw_proxy_find_server(px, job->server[i]);

		if (srv == NULL)
			continue;
		n_known++;
		n_done += job->action->run(srv, job->who);
	}
	if (n_known == 0)
		return "ERRP";
	return n_done == 0 ? "NONE" : n_done < job->n_servers ? "PART" : "DONE";
}

static void
job_free(struct st_job *job)
{
	job->magic = 0;
	free(job);
}

static void
job_back(void *arg)
{
	struct st_job *job = arg;

	TW_CHECK_MAGIC(job, JOB_MAGIC);
	job->result = job->code;
	if (job->left)
		job_free(job);
	else
		tw_resume(job->req);
}

static void
job_run(void *arg)
{
	struct st_job *job = arg;

	TW_CHECK_MAGIC(job, JOB_MAGIC);
	job->code = job_do(job);
	tw_worker_post(job->worker, job_back, job);
}

/* --- the worker --- */

/* Nobody acts on what the page does not show. */
static bool
is_shown(struct tw_req *req, const struct st_conf *c, struct tw_str backend)
{
	char name[BACKEND_NAME_MAX] = "";
	const struct tw_proxy *px;

	if (c->scopes == NULL)
		return true;
	memcpy(name, backend.p, backend.len); /* form_read: it fits */
	px = backend_find(tw_req_gen(req), name);
	return px == NULL || st_shows(c, tw_req_proxy(req), px);
}

struct st_job *
st_job_post(struct tw_req *req, const struct st_conf *c, struct tw_str body,
    const char *who, const char **code)
{
	const char *proxy = tw_proxy_name(tw_req_proxy(req));
	struct form f;

	*code = form_read(body, &f);
	if (*code == NULL && !is_shown(req, c, f.backend))
		*code = "DENY";
	if (*code == NULL && !st_guard_passes(tw_req_request(req), proxy, f.token))
		*code = "DENY";
	if (*code != NULL)
		return NULL;
	const struct st_action *action = action_find(f.action);
	struct st_job *job = action ? job_new(&f, action) : NULL;
	if (job == NULL) {
		*code = action ? "EXCD" : "ERRP";
		return NULL;
	}
	job->req = req;
	job->worker = tw_worker_self();
	snprintf(job->who, sizeof(job->who), "%s", who);
	tw_worker_post(tw_worker_at(0), job_run, job);
	return job;
}

const char *
st_job_result(const struct st_job *job)
{
	TW_CHECK_MAGIC(job, JOB_MAGIC);
	return job->result;
}

void
st_job_leave(struct st_job **pjob)
{
	struct st_job *job = *pjob;

	*pjob = NULL;
	if (job == NULL)
		return;
	TW_CHECK_MAGIC(job, JOB_MAGIC);
	job->left = true;
	job->req = NULL;
	if (job->result != NULL)
		job_free(job);
}
