/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf.h - keywords: how a module gives words to the configuration language.
 *
 * Every keyword is one entry of a table owned by whoever implements it. The
 * parser looks a line's words up, checks scope and arity, points `ln->state`
 * at the right block and calls `set`. -K prints the manual from the tables.
 *
 * The block behind `ln->state`: for the core's own keywords the struct of the
 * scope (see core/proxy/proxy.h); for a module's, the module's block of
 * gen_size (global), proxy_size (proxy scopes), bind_size, server_size bytes.
 * A proxy's block starts as a copy of its defaults section's block, a
 * server's as a copy of the block that default-server lines have filled.
 */
#ifndef TIDEWAY_CONF_H
#define TIDEWAY_CONF_H

#include <tideway/arena.h>
#include <tideway/err.h>

/* Where a keyword may stand. */
#define TW_SC_GLOBAL 0x01u
#define TW_SC_DEFAULTS 0x02u
#define TW_SC_FRONTEND 0x04u
#define TW_SC_LISTEN 0x08u
#define TW_SC_BACKEND 0x10u
#define TW_SC_BIND 0x20u   /* an option on a bind line */
#define TW_SC_SERVER 0x40u /* an option on server and default-server lines */
#define TW_SC_SECTION 0x80u /* in a section that a module brought */
#define TW_SC_FE (TW_SC_DEFAULTS | TW_SC_FRONTEND | TW_SC_LISTEN)
#define TW_SC_BE (TW_SC_DEFAULTS | TW_SC_LISTEN | TW_SC_BACKEND)
#define TW_SC_PROXY (TW_SC_FE | TW_SC_BE)

/* Flags of a keyword. */
#define TW_KW_NO 0x01u    /* `no WORD` is allowed; ln->no tells */
#define TW_KW_HTTP 0x02u  /* only meaningful in mode http (warned otherwise) */
#define TW_KW_REST 0x04u  /* takes all the rest of the line */

typedef int tw_kw_set(struct tw_line *ln);

struct tw_kw {
	const char *word;  /* one or two words: "balance", "timeout client" */
	unsigned scopes;   /* TW_SC_... */
	int min_args;      /* arguments after the word(s) */
	int max_args;      /* -1: no limit */
	tw_kw_set *set;
	const char *usage; /* "<time>", "<name> [param]" */
	const char *help;  /* one sentence */
	const char *def;   /* the default, as text; NULL: none */
	unsigned flags;    /* TW_KW_... */
	size_t offset;     /* for the ready-made setters below */
	intptr_t min, max; /* range for tw_set_uint; both 0: no limit */
	const char *section; /* TW_SC_SECTION: the section's word */
};

/* One line while it is parsed. borrow: all pointers, until `set` returns. */
struct tw_line {
	struct tw_gen *gen;
	struct tw_proxy *proxy;   /* NULL in global */
	struct tw_server *server; /* server scope; default-server's prototype */
	struct tw_bind *bind;     /* bind scope */
	void *section;            /* a module's own section */
	void *state;              /* see above */
	void *core;               /* what the core's keywords write to here */
	char *block;              /* the modules' blocks of this scope */
	const struct tw_kw *kw;
	unsigned scope;           /* the one TW_SC_ bit that holds here */
	const char *file;         /* gen */
	int number;
	char *const *word;        /* unquoted, unescaped, NUL-terminated */
	int n_words;
	int pos;   /* index of the keyword's first word */
	int arg;   /* index of its first argument */
	int n_args;
	int used;  /* bind and server scope: arguments taken; preset to max_args */
	bool no;   /* `no` stood before it */
};

/** tw_arg - argument `i`, or NULL when there are fewer. */
static inline const char *
tw_arg(const struct tw_line *ln, int i)
{
	return i < ln->n_args ? ln->word[ln->arg + i] : NULL;
}

/** tw_line_fail - reports an error at argument `i` (-1: at the keyword).
 * in: text says what is wrong and what to write. returns: -1. */
TW_API int tw_line_fail(const struct tw_line *ln, int i, const char *fmt, ...)
    TW_PRINTF(3, 4);
/** tw_line_warn - reports a warning in the same way. returns: 0. */
TW_API int tw_line_warn(const struct tw_line *ln, int i, const char *fmt, ...)
    TW_PRINTF(3, 4);
/** tw_gen_fail / tw_gen_warn - the same after parsing, for check().
 * in: file and line of what is at fault (file NULL: the whole). What a running
 * generation is warned of is logged. */
TW_API int tw_gen_fail(struct tw_gen *gen, const char *file, int line,
    const char *fmt, ...) TW_PRINTF(4, 5);
TW_API int tw_gen_warn(struct tw_gen *gen, const char *file, int line,
    const char *fmt, ...) TW_PRINTF(4, 5);
/** tw_gen_hint - for check(): a notice of -c about what has no effect; counted as
 * neither error nor warning. tw_gen_wants_hints - somebody hears it. */
TW_API void tw_gen_hint(struct tw_gen *gen, const char *file, int line,
    const char *fmt, ...) TW_PRINTF(4, 5);
TW_API bool tw_gen_wants_hints(const struct tw_gen *gen);
/** tw_gen_arena - memory that lives as long as the generation. */
TW_API struct tw_arena *tw_gen_arena(struct tw_gen *gen);

/** tw_check_peer - the other node's file (--peer), for checks that compare the
 * two. returns: NULL: none was named. */
TW_API const char *tw_check_peer(void);
/** tw_is_check - the program only checks the configuration (-c): a check may
 * take its time and look at the machine. */
TW_API bool tw_is_check(void);
/** tw_check_expired - and who asks wants to be told of what has expired as of an error;
 * traffic is served all the same. */
TW_API bool tw_check_expired(void);

/** tw_gen_bufsize - bytes of a buffer (tune.bufsize). */
TW_API uint32_t tw_gen_bufsize(const struct tw_gen *gen);
/** tw_gen_idle_ms - after how much silence a stream is no longer in full flow
 * (tune.idletimer); 0: that is not looked at. */
TW_API uint32_t tw_gen_idle_ms(const struct tw_gen *gen);

/* Ready-made setters: write at ln->state + kw->offset. */
TW_API int tw_set_flag(struct tw_line *ln); /* bool; `no` clears it */
TW_API int tw_set_ms(struct tw_line *ln);   /* uint32_t, ms; bare number: ms */
TW_API int tw_set_uint(struct tw_line *ln); /* uint32_t, min..max */
TW_API int tw_set_size(struct tw_line *ln); /* uint64_t, bytes; k, m, g */
TW_API int tw_set_str(struct tw_line *ln);  /* const char *; gen arena */
/* Has no effect: for words of backends where a frontend says them. */
TW_API int tw_set_ignored(struct tw_line *ln);
#define TW_KW_IGNORED(text)                                                     \
	{                                                                       \
		.word = text, .scopes = TW_SC_FRONTEND, .max_args = -1,         \
		.set = tw_set_ignored, .help = "Ignored here, with a warning." \
	}

/** tw_parse_ms - "30s", "500ms", "2m"; a bare number counts `unit_us`
 * microseconds each. returns: 0, or -1 with err. source: HAProxy's manual 2.5. */
TW_API int tw_parse_ms(const char *word, uint64_t unit_us, uint32_t *ms,
    struct tw_err *err);
/** tw_parse_uint - decimal, min..max. */
TW_API int tw_parse_uint(const char *word, uint64_t min, uint64_t max,
    uint64_t *out, struct tw_err *err);
/** tw_parse_size - bytes, with the suffixes k, m, g. */
TW_API int tw_parse_size(const char *word, uint64_t *out, struct tw_err *err);

struct tw_addr;
/** tw_parse_addr - "127.0.0.1:53", "[::1]:53", "/path", "$VAR": an address with
 * its port, no name. in: arena, for a path. returns: 0 or -1 with err. */
TW_API int tw_parse_addr(struct tw_arena *arena, const char *word,
    struct tw_addr *out, struct tw_err *err);
/** tw_parse_host - "127.0.0.1:80", "[::1]", "unix@/run/x", a host's name (asks
 * the system's resolver). returns: 0, or -1 with err. */
TW_API int tw_parse_host(struct tw_gen *gen, const char *word, struct tw_addr *out,
    struct tw_err *err);

/* A section of a module's own: `open` runs on its first line. */
struct tw_section {
	const char *word;
	int (*open)(struct tw_line *ln, void **section);
	int (*close)(struct tw_gen *gen, void *section);
	const char *help;
};

/** tw_gen_may_fork - insecure-fork-wanted: this process may start others. */
TW_API bool tw_gen_may_fork(const struct tw_gen *gen);

/** tw_kw_apply - runs the setter of a keyword for words that stand in a file or
 * command of a module's own. in: word, the keyword and its arguments, and what may
 * follow them; state, what it writes to. returns: words taken; -1 with err.
 * context: configuration, control. */
TW_API int tw_kw_apply(struct tw_gen *gen, const struct tw_kw *kw, char *const *word,
    int n_words, void *state, struct tw_err *err);

/** tw_line_dir - where relative names of files on the line begin (default-path),
 * for what is opened when the line has been read. returns: gen; NULL: where the
 * program was started. */
TW_API const char *tw_line_dir(const struct tw_line *ln);

#endif
