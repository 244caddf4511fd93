/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dns_msg.h - DNS messages: a question as bytes, and what an answer says.
 *
 * Memory only: no sockets, no state. source: RFC 1035 (messages), 2782 (SRV),
 * 3596 (AAAA), 6891 (EDNS).
 */
#ifndef RS_DNS_MSG_H
#define RS_DNS_MSG_H

#include <tideway/conn.h>

#define RS_NAME_MAX 256    /* as text, with its end */
#define RS_MAX_RECORDS 512 /* of one answer; what is beyond is passed over */
#define RS_QUERY_MAX 300

enum rs_type { RS_A = 1, RS_AAAA = 28, RS_SRV = 33 };

enum rs_answer {
	RS_VALID,       /* at least one record of what was asked */
	RS_EMPTY,       /* the name exists, but has no such record */
	RS_NX,
	RS_REFUSED,
	RS_OTHER,       /* another error of the name server's */
	RS_CNAME_ERROR, /* an alias that leads nowhere, or in circles */
	RS_TRUNCATED,
	RS_INVALID,     /* not a message, or one that contradicts itself */
	RS_OUTDATED,    /* the answer to something else */
	RS_TIMEOUT,     /* none; never read from a message */
};

struct rs_question {
	uint16_t id;
	uint16_t type;    /* enum rs_type */
	const char *host; /* lower case */
};

struct rs_record {
	struct tw_addr addr; /* A, AAAA; of an SRV record's target when it was
	                      * in the same message; family 0: none */
	uint16_t priority, weight, port; /* SRV */
	char target[RS_NAME_MAX];        /* SRV; lower case */
};

struct rs_records {
	int n;
	bool alias; /* a CNAME was followed */
	struct rs_record r[RS_MAX_RECORDS];
};

/** rs_name_is_ok - can be asked for: labels of 1 to 63 bytes, 253 in all. */
bool rs_name_is_ok(const char *host);
/** rs_query_make - in: payload, what the answer may take. returns: bytes; 0: the
 * name cannot be asked for. */
size_t rs_query_make(uint8_t out[RS_QUERY_MAX], const struct rs_question *q, uint16_t payload);
/** rs_answer_id - in: at least 2 bytes. */
uint16_t rs_answer_id(const uint8_t *p);
/** rs_answer_read - checks that the message answers the question and takes
 * its records. out: out, complete when RS_VALID. */
enum rs_answer rs_answer_read(const uint8_t *p, size_t len, const struct rs_question *q,
    struct rs_records *out);

#endif
