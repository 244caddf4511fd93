/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */

/*
 * dead_forms.h - configuration lines that HAProxy has dropped, and what to
 * write instead.
 *
 * They still circulate in old guides and images, so the error for one of them
 * shows the line that does the same today. conf/dead_forms.c reads this table
 * (control thread, only while a configuration is parsed).
 *
 * X(sections, word, second, how, icase, text): `second` is "" where one word
 * says it all. `how` is one of TW_DEAD_HOW; `icase` is 1 for the forms that
 * ignore case. For TEMPLATE, $1 to $9 in `text` are the arguments after the
 * matched words, quoted again where they must be, and $* is all of them; a
 * line of `text` that begins with # says what to do where no line is needed.
 * For the others `text` is what the rewritten rule begins with.
 */
#ifndef TW_TBL_DEAD_FORMS_H
#define TW_TBL_DEAD_FORMS_H

#define TW_DEAD_HOW(X)                                                        \
	X(TEMPLATE, "text with $1..$9 and $*")                                \
	X(ADDRESS, "an address on the line of a section")                     \
	X(ADD, "NAME: VALUE becomes NAME VALUE")                              \
	X(REPLACE, "a regex on the whole line becomes one on its part")       \
	X(DELETE, "a regex on the whole line becomes a header's name")        \
	X(MATCH, "a regex on the whole line becomes a condition")             \
	X(BACKEND, "as MATCH; the argument after the regex is a backend")     \
	X(HTTPCHK, "headers hidden in the version of option httpchk")         \
	X(PROCESS, "the option process of bind becomes thread")              \
	X(APPSESSION, "appsession becomes a stick-table")

#define TW_DEAD_FORMS(X) \
	X(TW_KN_SECTION, "frontend", "", ADDRESS, 0, "frontend") \
	X(TW_KN_SECTION, "listen", "", ADDRESS, 0, "listen") \
	X(TW_KN_SECTION, "program", "", TEMPLATE, 0, \
	  "# no line: have systemd or another supervisor run this program") \
	/* global */ \
	X(TW_KN_GLOBAL, "bind-process", "", TEMPLATE, 0, \
	  "# no line: there is one process; \"thread\" on a bind line chooses threads") \
	X(TW_KN_GLOBAL, "debug", "", TEMPLATE, 0, \
	  "# no line: start with -d on the command line instead") \
	X(TW_KN_GLOBAL, "nbproc", "", TEMPLATE, 0, "nbthread $1") \
	X(TW_KN_GLOBAL, "no-quic", "", TEMPLATE, 0, "tune.quic.listen off") \
	X(TW_KN_GLOBAL, "nosepoll", "", TEMPLATE, 0, \
	  "# no line: this poller is gone, epoll is used") \
	X(TW_KN_GLOBAL, "stats", "bind-process", TEMPLATE, 0, \
	  "# no line: there is one process, the socket always reaches it") \
	X(TW_KN_GLOBAL, "tune.chksize", "", TEMPLATE, 0, \
	  "# no line: health checks use buffers of tune.bufsize") \
	/* proxies: timeouts and processes */ \
	X(TW_KN_DFLB, "bind-process", "", TEMPLATE, 0, \
	  "# no line: there is one process; \"thread\" on a bind line chooses threads") \
	X(TW_KN_DFLB, "clitimeout", "", TEMPLATE, 0, "timeout client $1") \
	X(TW_KN_DFLB, "contimeout", "", TEMPLATE, 0, "timeout connect $1") \
	X(TW_KN_DFLB, "srvtimeout", "", TEMPLATE, 0, "timeout server $1") \
	X(TW_KN_DFLB, "timeout", "appsession", TEMPLATE, 0, \
	  "# no line: \"expire\" of the stick-table says it") \
	X(TW_KN_DFLB, "timeout", "clitimeout", TEMPLATE, 0, "timeout client $1") \
	X(TW_KN_DFLB, "timeout", "contimeout", TEMPLATE, 0, "timeout connect $1") \
	X(TW_KN_DFLB, "timeout", "srvtimeout", TEMPLATE, 0, "timeout server $1") \
	/* proxies: options and single words */ \
	X(TW_KN_DFLB, "appsession", "", APPSESSION, 0, "stick") \
	X(TW_KN_FL, "bind", "", PROCESS, 0, "bind") \
	X(TW_KN_DFLB, "block", "", TEMPLATE, 0, "http-request deny $*") \
	X(TW_KN_DFLB, "grace", "", TEMPLATE, 0, "# in the section global:\ngrace $1") \
	X(TW_KN_DFLB, "mode", "health", TEMPLATE, 0, \
	  "mode http\nhttp-request return status 200") \
	X(TW_KN_DFLB, "monitor-net", "", TEMPLATE, 0, \
	  "http-request return status 200 if { src $1 }") \
	X(TW_KN_DFLB, "option", "forceclose", TEMPLATE, 0, "option httpclose") \
	X(TW_KN_DFLB, "option", "http-tunnel", TEMPLATE, 0, \
	  "# no line: \"option http-keep-alive\" is the default, a tunnel follows 101 and CONNECT") \
	X(TW_KN_DFLB, "option", "http-use-htx", TEMPLATE, 0, \
	  "# no line: there is no other way any more") \
	X(TW_KN_DFLB, "option", "http_proxy", TEMPLATE, 0, \
	  "http-request set-dst url_ip\nhttp-request set-dst-port url_port\n" \
	  "server origin 0.0.0.0:0") \
	X(TW_KN_DFLB, "option", "httpchk", HTTPCHK, 0, "option httpchk") \
	X(TW_KN_DFLB, "option", "tcpsplice", TEMPLATE, 0, "option splice-auto") \
	X(TW_KN_DFLB, "redisp", "", TEMPLATE, 0, "option redispatch") \
	X(TW_KN_DFLB, "redispatch", "", TEMPLATE, 0, "option redispatch") \
	X(TW_KN_RESOLVERS, "resolution_pool_size", "", TEMPLATE, 0, \
	  "# no line: it has no effect any more") \
	/* proxies: requests */ \
	X(TW_KN_DFLB, "cliexp", "", REPLACE, 0, "http-request") \
	X(TW_KN_DFLB, "reqadd", "", ADD, 0, "http-request") \
	X(TW_KN_DFLB, "reqallow", "", MATCH, 0, "http-request allow") \
	X(TW_KN_DFLB, "reqdel", "", DELETE, 0, "http-request") \
	X(TW_KN_DFLB, "reqdeny", "", MATCH, 0, "http-request deny") \
	X(TW_KN_DFLB, "reqiallow", "", MATCH, 1, "http-request allow") \
	X(TW_KN_DFLB, "reqidel", "", DELETE, 1, "http-request") \
	X(TW_KN_DFLB, "reqideny", "", MATCH, 1, "http-request deny") \
	X(TW_KN_DFLB, "reqipass", "", TEMPLATE, 1, \
	  "# no line: give the rules it protected a condition (unless ...)") \
	X(TW_KN_DFLB, "reqirep", "", REPLACE, 1, "http-request") \
	X(TW_KN_DFLB, "reqisetbe", "", BACKEND, 1, "use_backend") \
	X(TW_KN_DFLB, "reqitarpit", "", MATCH, 1, "http-request tarpit") \
	X(TW_KN_DFLB, "reqpass", "", TEMPLATE, 0, \
	  "# no line: give the rules it protected a condition (unless ...)") \
	X(TW_KN_DFLB, "reqrep", "", REPLACE, 0, "http-request") \
	X(TW_KN_DFLB, "reqsetbe", "", BACKEND, 0, "use_backend") \
	X(TW_KN_DFLB, "reqtarpit", "", MATCH, 0, "http-request tarpit") \
	/* proxies: responses */ \
	X(TW_KN_DFLB, "rspadd", "", ADD, 0, "http-response") \
	X(TW_KN_DFLB, "rspdel", "", DELETE, 0, "http-response") \
	X(TW_KN_DFLB, "rspdeny", "", MATCH, 0, "http-response deny") \
	X(TW_KN_DFLB, "rspidel", "", DELETE, 1, "http-response") \
	X(TW_KN_DFLB, "rspideny", "", MATCH, 1, "http-response deny") \
	X(TW_KN_DFLB, "rspirep", "", REPLACE, 1, "http-response") \
	X(TW_KN_DFLB, "rsprep", "", REPLACE, 0, "http-response") \
	X(TW_KN_DFLB, "srvexp", "", REPLACE, 0, "http-response")

#endif
