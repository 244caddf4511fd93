/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_server_state.c - any bytes as a line of a server-state file: what is
 * taken lies inside of it and is in range.
 */
#include <stdint.h>

#include <tideway/assert.h>

#include "modules/ctl/ctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *const line = malloc(len + 1);
	struct ctl_state s;

	TW_ASSERT(line != NULL);
	memcpy(line, data, len);
	line[len] = '\0';
	if (ctl_state_line(line, &s)) {
		TW_ASSERT(s.backend >= line && s.backend < line + len);
		TW_ASSERT(s.server >= line && s.server < line + len);
		TW_ASSERT(s.uweight <= 256 && s.iweight <= 256);
		TW_ASSERT((ctl_state_admin(&s, true) & ~3u) == 0);
	}
	free(line);
	return 0;
}
