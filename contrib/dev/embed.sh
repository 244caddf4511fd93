#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Turns text files into C strings, for what a module carries with it.
#   contrib/dev/embed.sh NAME=FILE... > out.c
# Each becomes `const char NAME[]` and `const size_t NAME_len`. Comments that
# begin a line and leading blanks are left out; the file stays readable.
set -eu

printf '/* Made by contrib/dev/embed.sh: edit its sources instead. */\n'
printf '#include <stddef.h>\n\n'
for arg; do
	name=${arg%%=*}
	file=${arg#*=}
	printf 'extern const char %s[];\nextern const size_t %s_len;\n' "$name" "$name"
	printf 'const char %s[] =\n' "$name"
	awk '
		/^[ \t]*\/\*/ && !inside { if ($0 !~ /\*\/[ \t]*$/) inside = 1; next }
		inside { if ($0 ~ /\*\//) inside = 0; next }
		{
			sub(/^[ \t]+/, "")
			if ($0 == "") next
			gsub(/\\/, "&&")
			gsub(/"/, "\\\"")
			printf "\t\"%s\\n\"\n", $0
		}' "$file"
	printf '\t;\nconst size_t %s_len = sizeof(%s) - 1;\n\n' "$name" "$name"
done
