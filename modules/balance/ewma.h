/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ewma.h - a server's mean response time; the module's block in its live part.
 */
#ifndef BALANCE_EWMA_H
#define BALANCE_EWMA_H

#include <stdatomic.h>
#include <stdint.h>

struct ewma {
	_Atomic uint64_t word; /* shared: mean and time; 0: nothing seen yet */
};

/** ewma_after - the mean after one more response time. in: age_ms, since the last
 * one. */
uint32_t ewma_after(uint32_t mean_us, uint32_t age_ms, uint32_t seen_us);

#endif
