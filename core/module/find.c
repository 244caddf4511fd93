/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * find.c - what modules bring, found by name.
 *
 * Asked only while a configuration is read, so each lookup walks the
 * tables. A name belongs to one module: a second one that claims it is
 * refused when it is loaded.
 */
#include "config.h"

#include <string.h>

#include <tideway/balance.h>
#include <tideway/check.h>
#include <tideway/expr.h>
#include <tideway/filter.h>
#include <tideway/mux.h>
#include <tideway/proto.h>
#include <tideway/report.h>
#include <tideway/service.h>
#include <tideway/table.h>
#include <tideway/transport.h>
#include "core/module/module_int.h"

static bool
is_named(const char *of_table, const char *name)
{
	return tw_is_family(of_table) ? strncmp(of_table, name, strlen(of_table)) == 0
				      : strcmp(of_table, name) == 0;
}

#define X(kind, type, table, text)                                                    \
	const struct type *tw__module_find_##kind(                                    \
	    const char *name, const struct tw_self **owner)                           \
	{                                                                             \
		const struct tw_self *self;                                           \
                                                                                      \
		for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {             \
			const struct type *t = self->module->table;                   \
                                                                                      \
			while (                                                       \
			    t != NULL && t->name != NULL && !is_named(t->name, name)) \
				t++;                                                  \
			if (t == NULL || t->name == NULL)                             \
				continue;                                             \
			if (owner != NULL)                                            \
				*owner = self;                                        \
			return t;                                                     \
		}                                                                     \
		return NULL;                                                          \
	}                                                                             \
                                                                                      \
	static int check_##kind(const struct tw_self *self, struct tw_err *err)       \
	{                                                                             \
		const struct type *t = self->module->table;                           \
		const struct tw_self *owner;                                          \
                                                                                      \
		for (; t != NULL && t->name != NULL; t++) {                           \
			if (tw__module_find_##kind(t->name, &owner) == t)             \
				continue;                                             \
			return tw_err_set(err,                                        \
			    "modules '%s' and '%s' both "                             \
			    "bring the " text " '%s': remove one",                    \
			    owner->module->name, self->module->name, t->name);        \
		}                                                                     \
		return 0;                                                             \
	}
TW__MODULE_TABLES(X)
#undef X

const struct tw_proto *
tw__module_find_mux(void)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		const struct tw_proto *p = self->module->protos;

		while (p != NULL && p->name != NULL && p->mux == NULL)
			p++;
		if (p != NULL && p->name != NULL)
			return p;
	}
	return NULL;
}

const struct tw_proto *
tw_mux_proto(void)
{
	return tw__module_find_mux();
}

const struct tw_transport *
tw_transport_find(const char *name)
{
	return tw__module_find_transport(name, NULL);
}

int
tw__module_check_names(const struct tw_self *self, struct tw_err *err)
{
#define X(kind, type, table, text)        \
	if (check_##kind(self, err) != 0) \
		return -1;
	TW__MODULE_TABLES(X)
#undef X
	return 0;
}
