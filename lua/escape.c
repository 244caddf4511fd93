/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * escape.c - whether a function keeps the object it gets.
 *
 * A request's object must be dead once the request has ended: a script that has
 * kept it gets an error. So each request needs an object of its own, unless no
 * function that sees it can keep it: then one serves for all. Most hooks only read
 * fields and call methods; that can be seen from their code. Asked once for each
 * function, when it is registered. What it does with its argument's register
 * decides, wherever it does it: a register that is used for something else later
 * counts as well. source: Lua 5.3, lopcodes.h.
 */
#include "chunk.h"

#include <string.h>

enum op {
	OP_MOVE,
	OP_LOADK,
	OP_LOADKX,
	OP_LOADBOOL,
	OP_LOADNIL,
	OP_GETUPVAL,
	OP_GETTABUP,
	OP_GETTABLE,
	OP_SETTABUP,
	OP_SETUPVAL,
	OP_SETTABLE,
	OP_NEWTABLE,
	OP_SELF,
	OP_ADD,
	OP_SHR = OP_ADD + 11,
	OP_UNM,
	OP_BNOT,
	OP_NOT,
	OP_LEN,
	OP_CONCAT,
	OP_JMP,
	OP_EQ,
	OP_LT,
	OP_LE,
	OP_TEST,
	OP_TESTSET,
	OP_CALL,
	OP_TAILCALL,
	OP_RETURN,
	OP_FORLOOP,
	OP_FORPREP,
	OP_TFORCALL,
	OP_TFORLOOP,
	OP_SETLIST,
	OP_CLOSURE,
	OP_VARARG,
	OP_EXTRAARG,
	N_OPS
};

/* An operand of 9 bits with the ninth set is a constant: it equals no register. */
static bool
is_kept_by(uint32_t code, int reg)
{
	const int a = (int)(code >> 6 & 0xff), c = (int)(code >> 14 & 0x1ff),
		  b = (int)(code >> 23 & 0x1ff);

	switch ((enum op)(code & 0x3f)) {
	case OP_GETTABLE: /* an argument that is the key may reach __index */
		return c == reg;
	case OP_SETTABLE:
		return b == reg || c == reg;
	case OP_SELF:
	case OP_LOADK:
	case OP_LOADKX:
	case OP_LOADBOOL:
	case OP_LOADNIL:
	case OP_GETUPVAL:
	case OP_NEWTABLE:
	case OP_NOT:
	case OP_JMP:
	case OP_EQ: /* of two userdata; theirs is no metamethod of a script */
	case OP_TEST:
	case OP_RETURN:  /* to us */
	case OP_CLOSURE: /* see nested() */
	case OP_EXTRAARG:
		return false;
	case OP_GETTABUP:
		return c == reg;
	case OP_SETTABUP:
		return b == reg || c == reg;
	case OP_SETUPVAL:
		return a == reg;
	case OP_MOVE:
	case OP_TESTSET:
	case OP_UNM:
	case OP_BNOT:
	case OP_LEN:
		return b == reg;
	case OP_LT:
	case OP_LE:
		return b == reg || c == reg;
	case OP_CONCAT:
		return b <= reg && reg <= c;
	case OP_CALL:
	case OP_TAILCALL:
	case OP_FORLOOP:
	case OP_FORPREP:
	case OP_TFORCALL:
	case OP_TFORLOOP:
	case OP_SETLIST:
	case OP_VARARG:
		return a <= reg; /* their registers are those from A on */
	default:
		if ((code & 0x3f) >= OP_ADD && (code & 0x3f) <= OP_SHR)
			return b == reg || c == reg;
		return true;
	}
}

/* Functions inside of it that refer to the register; none may. */
static bool
nested_refers(struct lu_chunk *c, int reg)
{
	bool refers = false;

	for (int n = lu_chunk_int(c); n > 0 && !c->bad && !refers; n--) {
		struct lu_chunk_head head;

		lu_chunk_head(c, &head);
		lu_chunk_skip_constants(c);
		for (int k = lu_chunk_int(c); k > 0 && !c->bad; k--) {
			const int in_stack = lu_chunk_byte(c);
			const int index = lu_chunk_byte(c);
			refers = refers || (in_stack != 0 && index == reg);
		}
		/* its own nested ones refer to it through its upvalues; stripped, it
		 * has no names and lines: empty lists */
		nested_refers(c, 256);
		lu_chunk_skip(c, 4 * (size_t)lu_chunk_int(c));
		lu_chunk_int(c);
		lu_chunk_int(c);
	}
	return refers || c->bad;
}

bool
lu_keeps_arg(lua_State *L, int arg)
{
	struct lu_chunk c;
	struct lu_chunk_head head;
	bool keeps;

	if (!lu_chunk_dump(&c, L, true))
		return true;
	lu_chunk_head(&c, &head);
	keeps = c.bad || head.is_vararg;
	for (int i = 0; i < head.n_code && arg < head.n_params && !keeps; i++) {
		uint32_t code;
		memcpy(&code, head.code + (size_t)i * 4, sizeof(code));
		keeps = is_kept_by(code, arg);
	}
	if (!keeps && arg < head.n_params) {
		lu_chunk_skip_constants(&c);
		lu_chunk_skip(&c, 2 * (size_t)lu_chunk_int(&c));
		keeps = nested_refers(&c, arg);
	}
	lu_chunk_free(&c);
	return keeps;
}
