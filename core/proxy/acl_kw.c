/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * acl_kw.c - the keyword `acl`, and where a proxy keeps its ACLs.
 */
#include "config.h"

#include "expr/expr_int.h"
#include "proxy/acl_kw.h"
#include "proxy/proxy_int.h"

struct tw__acl **
tw__proxy_acls(struct tw_proxy *px)
{
	return &SLIST_FIRST(&px->acls);
}

static int
set_acl(struct tw_line *ln)
{
	struct tw_err err = { "" };
	struct tw__ectx cx = tw__ectx_of(ln, TW_AT_ANY, &err);
	int bad = -1;

	if (ln->scope == TW_SC_DEFAULTS && ln->proxy->name[0] == '\0')
		return tw_line_fail(ln, -1,
		    "'acl' is not allowed in a defaults section without a name: write "
		    "'defaults NAME', and 'from NAME' in the sections that use it");
	cx.bad = &bad;
	if (tw__acl_add(&cx, tw__proxy_acls(ln->proxy), tw_arg(ln, 0),
		ln->word + ln->arg + 1, ln->n_args - 1) != 0)
		return tw_line_fail(ln, bad + 1,
		    "error detected while parsing ACL '%s': %s", tw_arg(ln, 0),
		    err.text);
	return 0;
}

static const struct tw_kw acl_keywords[] = {
	{ .word = "acl",
	    .scopes = TW_SC_PROXY,
	    .min_args = 2,
	    .max_args = -1,
	    .set = set_acl,
	    .usage = "<name> <criterion> [-i] [-m <method>] [-f <file>] "
		     "[-n] [-M] [-u <id>] [--] [<operator>] [<pattern>] ...",
	    .help = "Names a test for use in conditions; several lines of one "
		    "name: any of them." },
	{ .word = NULL },
};

int
tw__acl_register(struct tw_err *err)
{
	return tw__kw_add(acl_keywords, NULL, err);
}
