/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * command.h - commands of the control socket (`stats socket`).
 *
 * Whoever has something to show or to change brings a table of commands; the
 * longest words that match a line win. `help` is printed from the tables.
 * Commands run on the control thread and must not block it: what takes long
 * answers later (tw_cli_wait). source: HAProxy's management guide, 9.3.
 */
#ifndef TIDEWAY_COMMAND_H
#define TIDEWAY_COMMAND_H

#include <tideway/log.h>
#include <tideway/str.h>

/* What a session may do; each level includes the ones before. */
enum tw_cli_level { TW_CLI_USER, TW_CLI_OPERATOR, TW_CLI_ADMIN };

struct tw_cli; /* a session */

#define TW_CMD_EXPERT 0x01u /* only after `expert-mode on` */
#define TW_CMD_HIDDEN 0x02u /* not in `help` */
#define TW_CMD_EXPERIMENTAL 0x04u /* only after `experimental-mode on` */

struct tw_command {
	const char *words; /* "show skeleton"; NULL ends a table */
	enum tw_cli_level level;
	unsigned flags; /* TW_CMD_... */
	/* run - answers with tw_cli_printf(). in: argv, what follows the words;
	 * NULL-terminated; borrow: until it returns. */
	void (*run)(struct tw_cli *cli, int argc, char *const argv[]);
	const char *usage; /* "[<name>]" */
	const char *help;  /* a few words */
};

/** tw_cli_printf, tw_cli_write - adds to the answer. context: control, the
 * command's run or, after tw_cli_wait, until tw_cli_done. */
TW_API void tw_cli_printf(struct tw_cli *cli, const char *fmt, ...) TW_PRINTF(2, 3);
TW_API void tw_cli_write(struct tw_cli *cli, struct tw_str text);
/** tw_cli_payload - the lines behind `<<`, without the empty one that ends
 * them. returns: p NULL: there was none. borrow: until the command is done. */
TW_API struct tw_str tw_cli_payload(const struct tw_cli *cli);
TW_API enum tw_cli_level tw_cli_level(const struct tw_cli *cli);

/** tw_cli_wait - the answer comes later, with tw_cli_done(); the session takes
 * no other command meanwhile. in: gone, called instead when the session ends
 * or deadline_ms are over before that (then tw_cli_done must not be called). */
TW_API void tw_cli_wait(
    struct tw_cli *cli, uint32_t deadline_ms, void (*gone)(void *arg), void *arg);
TW_API void tw_cli_done(struct tw_cli *cli);

/** tw_cli_msg - as tw_cli_printf, for what tells how a command went: begins
 * with its severity when the session wants that (`set severity-output`). */
TW_API void tw_cli_msg(struct tw_cli *cli, enum tw_level level, const char *fmt, ...)
    TW_PRINTF(3, 4);

/** tw_cli_stream - a long answer, in pieces: when the command's run has
 * returned, step() is called again and again, as the peer reads and others
 * need the thread, until it returns false. A step works for 100 us at most,
 * or calls tw_cli_wait() and is called again after tw_cli_done(). in: fini,
 * called once, at the end or when the session ends before. */
TW_API void tw_cli_stream(struct tw_cli *cli,
    bool (*step)(struct tw_cli *cli, void *arg), void (*fini)(void *arg), void *arg);

struct tw_gen;
struct tw_err;
/** tw_command_add - one that a generation has besides the modules', while it is the
 * one in force. in: command, gen, its words not another one's. returns: -1: err.
 * context: reading. */
TW_API int tw_command_add(
    struct tw_gen *gen, const struct tw_command *command, struct tw_err *err);
/** tw_cli_command - the command whose run was called. borrow: until it returns. */
TW_API const struct tw_command *tw_cli_command(const struct tw_cli *cli);

#endif
