/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * crt_list.h - lines of a crt-list: FILE [OPTIONS ...] FILTER ...
 */
#ifndef MODULE_TLS_CRT_LIST_H
#define MODULE_TLS_CRT_LIST_H

#include <tideway/err.h>
#include <tideway/str.h>

#define CRT_LIST_WORDS_MAX 2048

struct tls_crt_line {
	char *word[CRT_LIST_WORDS_MAX]; /* borrow: the line */
	int n_words;
	int n_options; /* words from 1 on that are options */
		       /* the words behind them are filters; word[0] is the file */
};

/** tls__crt_line_parse - cuts a line into words, in place. in: text, ended by
 * NUL, without its newline. returns: 1, 0: nothing on it, -1: err says why,
 * in HAProxy's words. */
int tls__crt_line_parse(char *text, struct tls_crt_line *line, struct tw_err *err);

#endif
