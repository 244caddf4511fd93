/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * uri.h - the parts of a request's target.
 */
#ifndef RULES_URI_H
#define RULES_URI_H

#include <tideway/action.h>

struct uri_parts {
	struct tw_str before; /* scheme and authority; empty in the origin form */
	struct tw_str path;
	struct tw_str query;  /* without '?' */
	bool has_query;
};

struct uri_parts uri_split(const struct tw_msg *msg);
bool uri_has_path(const struct tw_msg *msg);
/** uri_join - the request's target becomes this. returns: NEXT or ERROR. */
enum tw_act uri_join(struct tw_req *req, const struct uri_parts *p);

#endif
