/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * info.c - values of the process that modules know.
 *
 * Modules add them as they are loaded; who shows the process asks by name.
 */
#include "config.h"

#include <string.h>

#include <tideway/assert.h>
#include <tideway/stats.h>

#define VALUES_MAX 64

static struct {
	const char *name;
	uint64_t (*value)(void);
} values[VALUES_MAX];
static size_t n_values;

void
tw_info_add(const char *name, uint64_t (*value)(void))
{
	TW_ASSERT(n_values < VALUES_MAX);
	values[n_values].name = name;
	values[n_values++].value = value;
}

uint64_t
tw_info(const char *name)
{
	for (size_t i = 0; i < n_values; i++)
		if (strcmp(values[i].name, name) == 0)
			return values[i].value();
	return 0;
}
