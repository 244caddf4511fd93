/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * health.c - rise and fall, and how long until the next check.
 *
 * One counter says it all: below `rise` the server is down, from `rise` on it
 * is up, at the ends it is settled. Pure. source: HAProxy's manual, 5.2.
 */
#include "hc.h"

int
hc_health_next(int health, int rise, int fall, bool passed)
{
	const int top = rise + fall - 1;

	if (!passed)
		return health > rise ? health - 1 : 0;
	if (health < top && ++health >= rise)
		health = top;
	return health < top ? health : top;
}

int
hc_health_settle(int health, int rise, int fall, bool up)
{
	if (up && health < rise)
		return rise + fall - 1;
	if (!up && health >= rise)
		return 0;
	return health < rise + fall ? health : rise + fall - 1;
}

uint32_t
hc_interval_ms(const struct tw_check_conf *p, int health, bool first)
{
	if (health == 0)
		return p->downinter_ms;
	if (first || health < p->rise + p->fall - 1)
		return p->fastinter_ms;
	return p->inter_ms;
}
