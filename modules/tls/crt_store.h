/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * crt_store.h - crt-store sections: certificates whose parts have files and names
 * of their own.
 */
#ifndef MODULE_TLS_CRT_STORE_H
#define MODULE_TLS_CRT_STORE_H

#include "tls.h"

/* A `load` line. */
struct tls_crt_load {
	struct tls_crt_load *next; /* of the generation */
	const char *name;          /* "@store/alias", "@store/file", "@/alias", "file" */
	const char *crt, *key, *ocsp, *issuer, *sctl; /* files; NULL: not said */
	const char *file;
	int line;
	const char *ocsp_update;   /* "on", "off"; NULL: not said */
};

extern const struct tw_section tls__sections[];

tw_kw_set tls_set_store_base; /* crt-base, key-base */
tw_kw_set tls_set_load;

/** tls__crt_stores_load - reads what `load` lines name. context: check(). */
int tls__crt_stores_load(struct tw_gen *gen);

#endif
