/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * shared.h - tw.shared: dictionaries of the process.
 */
#ifndef TW_LUA_SHARED_H
#define TW_LUA_SHARED_H

#include <tideway/conf.h>
#include <tideway/str.h>

struct lu_shared;

enum lu_shared_type {
	LU_SHARED_BOOL,
	LU_SHARED_INT,
	LU_SHARED_FLOAT,
	LU_SHARED_STRING
};
struct lu_shared_value {
	enum lu_shared_type type;
	int64_t n; /* BOOL, INT */
	double f;
	struct tw_str str;
};

enum lu_shared_result {
	LU_SHARED_OK,
	LU_SHARED_IS_THERE,  /* add: it exists; cas: it is another one */
	LU_SHARED_MISSING,
	LU_SHARED_NO_NUMBER,
	LU_SHARED_FULL       /* longer than what the dictionary may hold */
};

struct lu_shared_info {
	const char *name;
	uint64_t n, bytes, limit, evicted;
};

/** lu_shared_open - by name, made when it is new, or resized. in: bytes, 0: only an
 * existing one. returns: valid for ever; NULL: none, or out of memory. All of
 * these: any thread. */
struct lu_shared *lu_shared_open(const char *name, uint64_t bytes);
/** lu_shared_get - out: borrow, until this thread's next call. */
bool lu_shared_get(struct lu_shared *d, struct tw_str key, struct lu_shared_value *out);
/** lu_shared_thread_ends - what it borrowed is gone. */
void lu_shared_thread_ends(void);
/** lu_shared_set - in: ttl_ms, 0: for ever. */
enum lu_shared_result lu_shared_set(struct lu_shared *d, struct tw_str key,
    const struct lu_shared_value *v, uint64_t ttl_ms, bool only_new);
bool lu_shared_delete(struct lu_shared *d, struct tw_str key);
/** lu_shared_incr - in: first, what it is before when it is missing; NULL: it must be
 * there; ttl_ms: of a new one. */
enum lu_shared_result lu_shared_incr(struct lu_shared *d, struct tw_str key,
    const struct lu_shared_value *by, const struct lu_shared_value *first,
    uint64_t ttl_ms, struct lu_shared_value *out);
/** lu_shared_cas - in: old, NULL: missing; v, NULL: delete it. */
enum lu_shared_result lu_shared_cas(struct lu_shared *d, struct tw_str key,
    const struct lu_shared_value *old, const struct lu_shared_value *v,
    uint64_t ttl_ms);
/** lu_shared_ttl - out: ms, -1: for ever. returns: false: it is missing. */
bool lu_shared_ttl(struct lu_shared *d, struct tw_str key, int64_t *ms);
bool lu_shared_expire(struct lu_shared *d, struct tw_str key, uint64_t ttl_ms);
void lu_shared_flush(struct lu_shared *d);
void lu_shared_info(struct lu_shared *d, struct lu_shared_info *out);
/** lu_shared_keys - up to `max` of them, each four bytes of length and the key.
 * returns: bytes written. */
size_t lu_shared_keys(
    struct lu_shared *d, struct tw_str prefix, int max, char *mem, size_t size);
/* What a limit has left. */
struct lu_shared_left {
	uint64_t n;       /* could be taken at once now */
	uint64_t wait_us; /* until there is one again; 0: one was taken */
};
/** lu_shared_rate - takes one of what comes back each `each_us`, of which `burst`
 * more than one may be taken at once. returns: false: there is none. */
bool lu_shared_rate(struct lu_shared *d, struct tw_str key, uint64_t each_us,
    uint64_t burst, struct lu_shared_left *left);

/* dict.c: the line lua-shared */
int lu_shared_set_line(struct tw_line *ln);

#endif
