/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * names.h - the name servers that the configuration lists, for those who ask
 * them off the request path. Filled while the configuration is read.
 */
#ifndef TIDEWAY_NAMES_H
#define TIDEWAY_NAMES_H

#include <tideway/conn.h>

/* A `resolvers` section. */
struct tw_nameservers {
	struct tw_nameservers *next;
	const char *id;             /* gen */
	const struct tw_addr *addr; /* gen; of those that take datagrams */
	int n;
	uint32_t retry_ms; /* between two questions */
	uint32_t retries;
};

/** tw_gen_nameservers_add - in: ns, gen. context: reading. */
TW_API void tw_gen_nameservers_add(struct tw_gen *gen, struct tw_nameservers *ns);
/** tw_gen_nameservers - returns: NULL: there is no such section. context: any, once
 * all files are read. */
TW_API const struct tw_nameservers *tw_gen_nameservers(
    const struct tw_gen *gen, const char *id);

#endif
