/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tcpchk.c - `option tcp-check` without rules: connecting is the check.
 *
 * The model to copy for a new type: say what to send, and what an answer
 * means, and enter both in the table of healthcheck_mod.c. Control thread.
 */
#include "hc.h"

size_t
hc_tcpchk_request(const struct tw_server *srv, struct tw_out *out)
{
	(void)srv;
	(void)out;
	return 0; /* the connection itself is the check */
}

enum tw_io
hc_tcpchk_answer(
    const struct tw_server *srv, struct tw_str got, bool eof, struct tw_check_result *r)
{
	(void)srv;
	(void)got;
	(void)eof;
	r->what = TW_CHK_L4OK;
	return TW_IO_OK;
}
