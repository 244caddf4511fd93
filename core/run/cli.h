/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/cli.h - sessions of the control socket, and what they may call.
 *
 * A session belongs to an event base: the control thread's, or the master's.
 */
#ifndef TW_RUN_CLI_H
#define TW_RUN_CLI_H

#include <sys/types.h>

#include <tideway/command.h>
#include <tideway/conn.h>
#include <tideway/err.h>

struct event_base;
struct evbuffer;

/* --- cli_line.c: lines to words; pure --- */

#define TW__CLI_LINE_MAX 16384 /* bytes */
#define TW__CLI_WORDS_MAX 64

/** tw__cli_split_command - cuts the first of several commands of a line at a
 * ';' that no backslash precedes. in: line, changed. returns: the rest; NULL:
 * there is no other. */
char *tw__cli_split_command(char *line);
/** tw__cli_split_words - at blanks; backslashes escape. in: line, changed.
 * out: word, NULL-terminated. returns: how many; -1: too many. */
int tw__cli_split_words(char *line, char *word[TW__CLI_WORDS_MAX + 1]);
/** tw__cli_match - words of a command at the beginning of others. returns: how
 * many words; 0: no match. */
int tw__cli_match(const char *words, char *const *word, int n);

/* --- cli_text.c: what was said, which may be secret --- */

struct tw__cli_text {
	char *p; /* owns; NULL: none */
	size_t len, size;
};

void tw__cli_wipe_free(char *p, size_t len);
/** tw__cli_drain - takes bytes off the front, and clears them. */
void tw__cli_drain(struct evbuffer *in, size_t len);
/** tw__cli_line - takes a line off. out: len. returns: malloc()ed, without its end;
 * NULL: none is complete. */
char *tw__cli_line(struct evbuffer *in, size_t *len);
void tw__cli_text_begin(struct tw__cli_text *t);
/** tw__cli_text_add - the line, and a newline. */
void tw__cli_text_add(struct tw__cli_text *t, const char *line);
void tw__cli_text_free(struct tw__cli_text *t);
/** tw__cli_send - a copy, which is cleared when it has left. */
void tw__cli_send(struct evbuffer *out, struct tw_str text);

/* --- cli.c: sessions --- */

/* Who talks to whom, common to the sessions of one socket. */
struct tw__cli_host {
	/** command - the i-th one. returns: NULL after the last. */
	const struct tw_command *(*command)(int i);
	/** route - looks at each command first; NULL: nobody does. returns: what
	 * to run here; NULL: it was taken. */
	char *(*route)(struct tw_cli *cli, char *line);
	/** prompt - the text of an interactive session's. in: buf. */
	void (*prompt)(const struct tw_cli *cli, char *buf, size_t size);
	struct event_base *base;
	uint32_t max_sessions; /* in all */
	bool stays_open;       /* without `prompt`, too, until the peer closes */
};

/** tw__cli_new - a session on a connected stream socket, taken. in: timeout_ms,
 * idle; may_getsocks, `expose-fd listeners`. */
struct tw_cli *tw__cli_new(const struct tw__cli_host *host, int fd,
    enum tw_cli_level level, uint32_t timeout_ms, bool may_getsocks);
/** tw__cli_count - sessions now. */
uint32_t tw__cli_count(void);
/** tw__cli_set_origin, tw__cli_count_of - sessions by whom they came; in: only
 * compared. */
void tw__cli_set_origin(struct tw_cli *cli, const void *origin);
uint32_t tw__cli_count_of(const void *origin);
/** tw__cli_end_all - closes them; at the end. in: is_child, of a fork: what
 * the parent goes on with is left alone. */
void tw__cli_end_all(bool is_child);
/** tw__cli_freed - called when a session has ended. */
extern void (*tw__cli_freed)(void);

/* What built-in commands change in a session. */
bool tw__cli_may_getsocks(const struct tw_cli *cli);
int tw__cli_fd(const struct tw_cli *cli);
/** tw__cli_unsent - bytes of answers that the peer has not taken yet. */
size_t tw__cli_unsent(const struct tw_cli *cli);
/** tw__cli_drop_input - forgets what the peer has sent while a command waits.
 * returns: whether there was anything. */
bool tw__cli_drop_input(struct tw_cli *cli);
void tw__cli_set_level(struct tw_cli *cli, enum tw_cli_level level);
void tw__cli_toggle_prompt(struct tw_cli *cli);
void tw__cli_set_timeout(struct tw_cli *cli, uint32_t timeout_ms);
bool tw__cli_is_expert(const struct tw_cli *cli);
void tw__cli_set_expert(struct tw_cli *cli, bool on);
bool tw__cli_is_experimental(const struct tw_cli *cli);
void tw__cli_set_experimental(struct tw_cli *cli, bool on);
enum tw__cli_severity {
	TW__CLI_SEVERITY_NONE,
	TW__CLI_SEVERITY_NUMBER,
	TW__CLI_SEVERITY_STRING,
};
/** tw__cli_severity_of - by its word. returns: -1: there is none. */
int tw__cli_severity_of(const char *word);
/** tw__cli_set_severity - what tw_cli_msg() begins with. */
void tw__cli_set_severity(struct tw_cli *cli, enum tw__cli_severity how);
/** tw__cli_quit - closes once all is sent. */
void tw__cli_quit(struct tw_cli *cli);
/** tw__cli_bare - this answer ends without an empty line. */
void tw__cli_bare(struct tw_cli *cli);
/** tw__cli_context - whom commands are for: a pid; 0: who has the socket. */
pid_t tw__cli_context(const struct tw_cli *cli);
void tw__cli_set_context(struct tw_cli *cli, pid_t pid);
/** tw__cli_linger - the answer was no text, but something else on its socket:
 * closes when the peer does, or when the time is over. */
void tw__cli_linger(struct tw_cli *cli, uint32_t timeout_ms);
/** tw__cli_help - what is allowed and begins with `word` (NULL: all). */
void tw__cli_help(struct tw_cli *cli, const char *word);

/* --- commands.c --- */

/** tw__command_worker - the worker's: built-in ones, then the modules'. */
const struct tw_command *tw__command_worker(int i);
/** tw__commands_register - commands in the manual. At start-up. */
int tw__commands_register(struct tw_err *err);
/** tw__command_common - help, prompt, quit, ...: any session's. */
extern const struct tw_command tw__commands_common[];

/* --- control.c: sockets --- */

/* A `stats socket` line, or -S. */
struct tw__control_conf {
	struct tw__control_conf *next;
	const char *text; /* gen; as written: "/run/tideway.sock" */
	struct tw_addr addr;
	int fd;                  /* fd@N; -1: to be opened */
	uint32_t mode, uid, gid; /* mode 0, ids UINT32_MAX: as it comes */
	uint32_t backlog;
	enum tw_cli_level level;
	bool expose_listeners;
	uint8_t severity;         /* enum tw__cli_severity */
	bool v6only, v4v6;
	const char *interface;    /* gen; NULL: any */
	const char *file; /* gen */
	int line;
	uint32_t maxconn;         /* its sessions at a time; 0: no limit of its own */
};

/** tw__control_parse - an address and its parameters. in: words, n of them;
 * conf's level, where they say none. out: conf; conf->line, the word at fault. */
int tw__control_parse(struct tw_arena *arena, char *const *word, int n,
    struct tw__control_conf *conf, struct tw_err *err);
/** tw__control_open - opens the generation's sockets that are not open yet;
 * clients wait until it is published. errors: nothing has changed. context:
 * start-up, control, master. */
int tw__control_open(const struct tw__control_conf *list, struct tw_err *err);
/** tw__control_abandon - closes those that nobody serves: their generation was
 * refused. */
void tw__control_abandon(void);
/** tw__control_serve - sockets of the list are served from now on, by `host`;
 * others are closed; sessions go on. */
void tw__control_serve(const struct tw__control_conf *list,
    const struct tw__cli_host *host, uint32_t timeout_ms);
/** tw__control_down - closes sockets and sessions, removes paths. in:
 * is_child, of a fork: only lets go. */
void tw__control_down(bool is_child);
struct tw_gen;
/* control_conf.c: the worker's */
int tw__control_register(struct tw_err *err);
/** tw__control_prepare, tw__control_follow - a generation's sockets are opened,
 * and served. context: start-up, control. */
int tw__control_prepare(const struct tw_gen *gen, struct tw_err *err);
void tw__control_follow(const struct tw_gen *gen);
/** tw__control_session - the master's end of a pair speaks for its client. */
struct tw_cli *tw__control_session(int fd, enum tw_cli_level level);

/** tw__control_each - the sockets being served, for `show cli sockets`. */
const struct tw__control_conf *tw__control_each(int i);

#endif
