#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What of the style a program can see. Each check prints what is wrong, as
# FILE:LINE: text, and fails; t/source.t runs them all.
#   contrib/dev/lint.sh            every check but format
#   contrib/dev/lint.sh listed     one of them
#   contrib/dev/lint.sh format     what clang-format would change

set -euo pipefail
cd "$(dirname "$0")/../.."

checks="listed spdx length functions width spaces includes scripts"

# assets.c is made by make, where the tree is built in place; t/seed is what
# administrators wrote.
c_files()
{
	find core modules lua t -name '*.[ch]' -type f |
		grep -v '^modules/stats/assets\.c$' | sort
}

all_sources()
{
	find .ci core modules lua conf t contrib -type f \( -name '*.[ch]' \
		-o -name '*.def' -o -name '*.sh' -o -name '*.t' -o -name '*.pm' \
		-o -name '*.pl' -o -name '*.lua' -o -name local.mk \) -print |
		grep -vE '^(modules/stats/assets\.c$|t/seed/)' | sort
}

# A source nobody compiles is a source nobody tests.
check_listed()
{
	local f name bad=0
	while read -r f; do
		case $f in
		t/oot/*|t/abi/*|t/preload/*) continue ;;
		t/unit/*|t/fuzz/fuzz_*) name=${f%.c} ;;
		*) name=$f ;;
		esac
		grep -qE "(^|[[:space:]=])$name([[:space:]]|\$)" \
			core/local.mk modules/local.mk lua/local.mk t/local.mk ||
			{ echo "$f:1: is in no local.mk"; bad=1; }
	done < <(c_files | grep '\.c$')
	return $bad
}

check_spdx()
{
	local f bad=0
	while read -r f; do
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
			{ echo "$f:1: has no SPDX line"; bad=1; }
	done < <(all_sources)
	return $bad
}

# 800 lines a source, 200 a public header; core/tbl is data.
check_length()
{
	local f n max bad=0
	while read -r f; do
		max=800
		[[ $f != core/tideway/*.h ]] || max=200
		n=$(wc -l <"$f")
		[ "$n" -le $max ] ||
			{ echo "$f:$n: has more than $max lines"; bad=1; }
	done < <(c_files | grep -v '^core/tbl/')
	return $bad
}

# 60 lines a function, from its brace to its brace, or a comment LONG: why.
check_functions()
{
	c_files | xargs awk '
		FNR == 1 { open = 0; long = 0; before = "" }
		/LONG:/ { long = 1 }
		/^\{/ { open = FNR; name = before }
		/^\}/ && open {
			if (FNR - open - 1 > 60 && !long) {
				printf "%s:%d: %s has %d lines\n", FILENAME,
				    open, name, FNR - open - 1
				bad = 1
			}
			open = 0
		}
		/^\}/ { long = 0 }
		/[^ \t]/ { before = $0 }
		END { exit bad }'
}

# 96 columns, a tab being eight; core/tbl is data.
check_width()
{
	local f bad=0
	while read -r f; do
		expand "$f" | awk -v f="$f" 'length($0) > 96 {
			printf "%s:%d: has %d columns\n", f, NR, length($0)
			bad = 1
		} END { exit bad }' || bad=1
	done < <(c_files | grep -v '^core/tbl/')
	return $bad
}

check_spaces()
{
	! all_sources | xargs grep -nE '(^|[^\\])[[:blank:]]$' /dev/null |
		sed 's/^\([^:]*:[0-9]*\):.*/\1: ends in blanks/' | grep .
}

# A module knows the public headers and its own files; a folder of the core
# knows those below it.
check_includes()
{
	local bad=0 line
	while read -r line; do
		echo "$line: a module includes only <tideway/...> and its own"
		bad=1
	done < <(grep -rnE '#[[:space:]]*include "' modules --include='*.[ch]' \
		2>/dev/null | grep -vE 'include "(config\.h|[a-z0-9_]+\.(h|def))"' |
		awk -F: '{
			split($1, part, "/")
			if (index($3, "\"modules/" part[2] "/") == 0 &&
			    index($3, "\"" part[2] "/") == 0)
				print $1 ":" $2
		}')
	while read -r line; do
		echo "$line: base is the ground: it includes nothing above it"
		bad=1
	done < <(grep -rnE '#[[:space:]]*include "(\.\./|core/)?(conf|run|module|net|expr|proxy|flow)/' \
		core/base --include='*.[ch]' 2>/dev/null | cut -d: -f1,2)
	return $bad
}

check_scripts()
{
	local f bad=0
	for f in contrib/*.sh contrib/dev/*.sh; do
		bash -n "$f" || bad=1
	done
	sh -n contrib/init.d/tideway || bad=1
	command -v shellcheck >/dev/null || return $bad
	shellcheck -x -S warning contrib/*.sh contrib/dev/*.sh || bad=1
	return $bad
}

check_format()
{
	c_files | grep '\.c$' | grep -v '^core/tbl/' | xargs clang-format --dry-run --Werror 2>&1
}

bad=0
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $checks
for name in "$@"; do
	declare -F "check_$name" >/dev/null ||
		{ echo "$0: no check $name: $checks format" >&2; exit 2; }
	"check_$name" || bad=1
done
exit $bad
