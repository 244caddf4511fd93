/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * life.c - the modules' lifecycle: check, start, worker_init and back.
 *
 * Up in load order, down in reverse; what came up before a failure goes down
 * again. Generations are checked, started and stopped on the control thread
 * (or at start-up), workers on their own.
 */
#include "config.h"

#include <tideway/log.h>
#include "core/module/module_int.h"

int
tw__modules_check(struct tw_gen *gen)
{
	const struct tw_self *self;
	int rc = 0;

	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		if (self->module->check != NULL && self->module->check(gen) != 0)
			rc = -1;
	}
	return rc;
}

static void
stop_from(struct tw_gen *gen, int n)
{
	while (n-- > 0) {
		const struct tw_self *const self = tw__module_at(n);

		if (self->module->stop != NULL)
			self->module->stop(gen);
	}
}

int
tw__modules_start(struct tw_gen *gen, struct tw_err *err)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		struct tw_err why = { "" };

		if (self->module->start == NULL || self->module->start(gen, &why) == 0)
			continue;
		stop_from(gen, i);
		return tw_err_set(err,
		    "module '%s' cannot start this "
		    "configuration: %.900s",
		    self->module->name, why.text);
	}
	return 0;
}

void
tw__modules_stop(struct tw_gen *gen)
{
	stop_from(gen, tw__modules_count());
}

void
tw__modules_running(struct tw_gen *gen)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		if (self->module->running != NULL)
			self->module->running(gen);
	}
}

int
tw__modules_server_check(struct tw_server *srv, struct tw_err *err)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		if (self->module->server_check != NULL &&
		    self->module->server_check(srv, err) != 0)
			return -1;
	}
	return 0;
}

void
tw__modules_server_event(struct tw_server *srv, enum tw_server_event what)
{
	const int n = tw__modules_count();

	for (int i = 0; i < n; i++) {
		const int at = what == TW_SERVER_REMOVED ? n - 1 - i : i;
		const struct tw_module *const m = tw__module_at(at)->module;

		if (m->server_event != NULL)
			m->server_event(srv, what);
	}
}

static void
worker_fini_from(struct tw_worker *w, char *block, int n)
{
	while (n-- > 0) {
		const struct tw_self *const self = tw__module_at(n);

		if (self->module->worker_fini != NULL)
			self->module->worker_fini(w, block + self->off[TW_IN_WORKER]);
	}
}

int
tw__modules_worker_init(struct tw_worker *w, char *block)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		if (self->module->worker_init == NULL ||
		    self->module->worker_init(w, block + self->off[TW_IN_WORKER]) == 0)
			continue;
		tw_log(TW_ALERT, "module '%s' cannot work on a worker thread",
		    self->module->name);
		worker_fini_from(w, block, i);
		return -1;
	}
	return 0;
}

void
tw__modules_worker_fini(struct tw_worker *w, char *block)
{
	worker_fini_from(w, block, tw__modules_count());
}
