/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_json.c - json_query: one value out of a JSON text.
 *
 * The path is the subset of RFC 9535 that names one value: members by ".name"
 * or "['name']", elements by "[n]"; a backslash takes a '.' into a name. The
 * text comes from peers: jansson limits its depth. Any worker.
 * source: HAProxy's manual, 7.3.1; RFC 8259, RFC 9535.
 */
#include "config.h"

#include <jansson.h>

#include "expr/conv.h"

#define NAME_MAX_BYTES 256

/* A step of the path. out: name, or index when name[0] is '\0' and is_index.
 * returns: what follows; NULL: not a path. */
static const char *
next_step(const char *p, char name[NAME_MAX_BYTES], size_t *index, bool *is_index)
{
	size_t n = 0;

	*is_index = false;
	if (*p == '[' && p[1] >= '0' && p[1] <= '9') {
		*is_index = true;
		*index = 0;
		for (p++; *p >= '0' && *p <= '9' && *index < 100000000; p++)
			*index = *index * 10 + (size_t)(*p - '0');
		return *p == ']' ? p + 1 : NULL;
	}
	const char quote = *p == '[' ? p[1] : 0;
	if (quote != 0 && quote != '\'' && quote != '"')
		return NULL;
	if (quote == 0 && *p != '.')
		return NULL;
	for (p += quote ? 2 : 1; *p != '\0'; p++) {
		if (quote ? *p == quote : *p == '.' || *p == '[')
			break;
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (n + 1 == NAME_MAX_BYTES)
			return NULL;
		name[n++] = *p;
	}
	name[n] = '\0';
	if (n == 0)
		return NULL;
	if (quote)
		return *p == quote && p[1] == ']' ? p + 2 : NULL;
	return p;
}

int
tw__json_check_path(const char *path, struct tw_err *err)
{
	char name[NAME_MAX_BYTES];
	size_t index;
	bool is_index;
	const char *p = path;

	if (*p != '$' || p[1] == '\0')
		return tw_err_set(err, "'%s' is not a path: it begins with $.", path);
	for (p++; p != NULL && *p != '\0';)
		p = next_step(p, name, &index, &is_index);
	if (p == NULL)
		return tw_err_set(err,
		    "'%s' is not a path of members and elements: write $.a.b[0]", path);
	return 0;
}

static const json_t *
walk(const json_t *at, const char *path)
{
	char name[NAME_MAX_BYTES];
	size_t index;
	bool is_index;

	for (const char *p = path + 1; at != NULL && *p != '\0';) {
		p = next_step(p, name, &index, &is_index);
		if (p == NULL)
			return NULL;
		at = is_index ? json_array_get(at, index) : json_object_get(at, name);
	}
	return at;
}

static bool
set_copy(struct tw_req *req, struct tw_sample *out, const char *p, size_t len)
{
	char *const mem = tw__scratch(req, len + 1);

	if (mem == NULL)
		return false;
	if (len > 0)
		memcpy(mem, p, len);
	return tw__set_text(out, TW_STRING, mem, len);
}

/* Arrays and objects are given as the JSON text of them. */
static bool
set_dump(struct tw_req *req, struct tw_sample *out, const json_t *v)
{
	char *const text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	const bool ok = text != NULL && set_copy(req, out, text, strlen(text));

	free(text);
	return ok;
}

static bool
set_real(struct tw_req *req, struct tw_sample *out, double d)
{
	char text[64];
	const int n = snprintf(text, sizeof(text), "%.17g", d);

	/* The shortest form that reads as the same number. */
	for (int digits = 1; digits < 17; digits++) {
		char shorter[64];
		const int m = snprintf(shorter, sizeof(shorter), "%.*g", digits, d);
		if (strtod(shorter, NULL) == d)
			return set_copy(req, out, shorter, (size_t)m);
	}
	return set_copy(req, out, text, (size_t)n);
}

static bool
set_value(struct tw_req *req, struct tw_sample *out, const json_t *v, bool as_int)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return set_copy(req, out, json_string_value(v), json_string_length(v));
	case JSON_INTEGER:
		out->u.n = json_integer_value(v);
		out->type = TW_SINT;
		return as_int || tw__cast(req, out, TW_STRING);
	case JSON_REAL:
		if (!as_int)
			return set_real(req, out, json_real_value(v));
		if (!(json_real_value(v) > -9.2e18 && json_real_value(v) < 9.2e18))
			return false;
		out->u.n = (int64_t)json_real_value(v);
		out->type = TW_SINT;
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		out->u.n = json_is_true(v);
		out->type = TW_BOOL;
		return true;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return !as_int && set_dump(req, out, v);
	default:
		return false;
	}
}

bool
tw__json_query(struct tw_req *req, struct tw_str json, const char *path, bool as_int,
    struct tw_sample *out)
{
	json_error_t why;
	json_t *const root = json.len > 0
	    ? json_loadb(json.p, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why)
	    : NULL;

	if (root == NULL)
		return false;
	const json_t *const v = walk(root, path);
	const bool ok = v != NULL && set_value(req, out, v, as_int);
	json_decref(root);
	return ok;
}

TW__CHECK(json_query)
{
	(void)gen;
	if (tw__arg_is(&args[1]) && strcmp(args[1].str.p, "int") != 0)
		return tw_err_set(
		    err, "output type '%s' is unknown: write int", args[1].str.p);
	return tw__json_check_path(args[0].str.p, err);
}

TW__CONV(json_query)
{
	return tw__json_query(req, s->u.str, args[0].str.p, tw__arg_is(&args[1]), s);
}

const struct tw_conv tw__conv_json[] = {
	{ "json_query", "s,[s]", TW_STRING, TW_ANY, conv_json_query, check_json_query,
	    "(path, int) The value at a path such as $.a.b[0] of a JSON text." },
	{ .name = NULL },
};
