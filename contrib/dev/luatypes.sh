#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Collects what C files say of the functions they give to Lua and writes it as a
# file of LuaCATS types, for editors.
#   contrib/dev/luatypes.sh FILE.c... > types.lua
# Each stands in a comment of one line above its function:
#   /*@ TXN:set_var(name: string, value: any, ifexist?: boolean): boolean - text */
#   /*@ core.sleep(seconds: number) */
#   /*@ core.thread: integer */
set -eu

awk '
# "a: string, b?: fun(x: any): integer" into part[1..n], at commas outside of brackets
function split_list(s,   i, c, depth, n, from) {
	n = 0; depth = 0; from = 1
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c ~ /[({[<]/) depth++
		if (c ~ /[)}\]>]/) depth--
		if (c == "," && depth == 0) {
			part[++n] = substr(s, from, i - from)
			from = i + 1
		}
	}
	if (substr(s, from) ~ /[^ ]/) part[++n] = substr(s, from)
	for (i = 1; i <= n; i++) gsub(/^ +| +$/, "", part[i])
	return n
}
# the index of the bracket that closes the one at `open`
function closing(s, open,   i, c, depth) {
	depth = 0
	for (i = open; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "(") depth++
		if (c == ")" && --depth == 0) return i
	}
	return 0
}
function add(base, text) {
	if (!(base in body)) order[++n_bases] = base
	body[base] = body[base] text
}
function one(s,   text, at, name, base, args, results, i, n, list, out, p, type) {
	text = ""
	if (match(s, / - /)) {
		text = substr(s, RSTART + 3)
		s = substr(s, 1, RSTART - 1)
	}
	gsub(/^ +| +$/, "", s)
	at = index(s, "(")
	if (match(s, /^[A-Za-z_.]+: /) && (at == 0 || at > RLENGTH)) { # a field
		name = substr(s, 1, RLENGTH - 2)
		type = substr(s, RLENGTH + 1)
		base = name
		sub(/\.[^.]*$/, "", base)
		sub(/^.*\./, "", name)
		fields[base] = fields[base] "---@field " name " " type (text != "" ? " " text : "") "\n"
		add(base, "")
		return
	}
	if (at == 0) {
		printf "luatypes.sh: not understood: %s\n", s > "/dev/stderr"
		failed = 1
		return
	}
	name = substr(s, 1, at - 1)
	i = closing(s, at)
	args = substr(s, at + 1, i - at - 1)
	results = substr(s, i + 1)
	sub(/^ *: */, "", results)
	out = text != "" ? "--- " text "\n" : ""
	list = ""
	n = split_list(args)
	for (i = 1; i <= n; i++) {
		p = part[i]
		type = "any"
		if (match(p, /^[A-Za-z_0-9]+\??: */) || match(p, /^\.\.\.: */)) {
			type = substr(p, RLENGTH + 1)
			p = substr(p, 1, RLENGTH)
			sub(/: *$/, "", p)
		}
		out = out "---@param " p " " type "\n"
		sub(/\?$/, "", p)
		list = list (i > 1 ? ", " : "") p
	}
	n = split_list(results)
	for (i = 1; i <= n; i++)
		out = out "---@return " part[i] "\n"
	base = name
	if (index(name, ":")) {
		sub(/:.*$/, "", base)
		class[base] = 1
	} else if (index(name, ".")) {
		sub(/\.[^.]*$/, "", base)
	} else {
		base = ""
	}
	add(base, out "function " name "(" list ") end\n\n")
}
/^[ \t]*\/\*@ .*\*\/[ \t\\]*$/ {
	sub(/^[ \t]*\/\*@ /, "")
	sub(/ *\*\/[ \t\\]*$/, "")
	one($0)
	next
}
/\/\*@ / {
	printf "luatypes.sh: %s:%d: the comment is not one line\n", FILENAME, FNR > "/dev/stderr"
	failed = 1
}
END {
	print "---@meta"
	print "-- The functions that tideway gives to Lua scripts. Written by tideway lua-types.\n"
	for (i = 1; i <= n_bases; i++) {
		base = order[i]
		if (base == "") {
			printf "%s", body[base]
			continue
		}
		printf "---@class %s\n%s", base, fields[base]
		if (base in class)
			printf "local %s = {}\n\n%s", base, body[base]
		else
			printf "%s = {}\n\n%s", base, body[base]
	}
	exit failed
}' "$@"
