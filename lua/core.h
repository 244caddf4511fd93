/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * core.h - the pieces of the global `core`: each file adds its functions to the
 * table on top of the stack.
 */
#ifndef TW_LUA_CORE_H
#define TW_LUA_CORE_H

#include "lu.h"

#endif
