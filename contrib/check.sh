#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# From a clone to the tests' count: installs what the tests need, builds in
# build/check with warnings as errors, runs every test. With --full also: the
# build with clang, the distribution archive, and the tests once more under
# the address and thread sanitizers, each in a directory of its own.

set -euo pipefail

tree=$(cd "$(dirname "$0")/.." && pwd)
. "$tree/contrib/dev/packages.sh"

# haproxy and keepalived are compared with, chromium looks at the statistics
# page, tshark at packets; nftables has the rules that -c warns of.
TEST_PACKAGES="perl libio-socket-ssl-perl libcmocka-dev procps iproute2
	nftables openssl haproxy keepalived curl nghttp2-client tcpdump tshark
	chromium clang-format redis-server brotli zstd lua-cjson lua-socket lua-luaossl"
# A kernel for what the machine's own may lack (t/lib/Tideway/Uml.pm); of x86 only.
KERNEL_PACKAGES="user-mode-linux"
FULL_PACKAGES="clang libclang-rt-dev xz-utils"

passed=0
failed=0

usage()
{
	cat <<-END
	usage: contrib/check.sh [--full] [--no-install] [T=t/one.t]
	  --full         also: clang, distcheck, address and thread sanitizers
	  --no-install   take the packages as they are
	  T=FILE         run one test
	END
}

# Debian starts a service when it installs it; the tests want only its file.
install_quietly()
{
	local policy=/usr/sbin/policy-rc.d made=
	if [ -n "$(missing_packages haproxy keepalived)" ] && [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' |
			as_root tee $policy >/dev/null
		as_root chmod 755 $policy
		made=yes
	fi
	need_packages "$@" || {
		[ -z "$made" ] || as_root rm -f $policy
		die "the packages could not be installed"
	}
	[ -z "$made" ] || as_root rm -f $policy
}

# count LOG: adds prove's figures in LOG to passed and failed.
count()
{
	local tests bad
	tests=$(sed -n 's/^Files=[0-9]*, Tests=\([0-9]*\),.*/\1/p' "$1" | tail -n 1)
	bad=$(awk '/^  Failed tests?: / || /^                [0-9]/ {
			sub(/^  Failed tests?: */, "")
			k = split($0, part, /, */)
			for (i = 1; i <= k; i++) {
				m = split(part[i], ends, "-")
				n += m == 2 ? ends[2] - ends[1] + 1 : 1
			}
		}
		/^  (Non-zero|Parse errors)/ { other = 1 }
		END { print (n > 0 ? n : other + 0) }' "$1")
	passed=$((passed + ${tests:-0} - bad))
	failed=$((failed + bad))
	[ $passed -ge 0 ] || passed=0
}

# make_logged DIR TARGET...: the output on the terminal and in DIR/TARGET.log. Most
# tests wait most of the time: two go at once.
make_logged()
{
	make --no-print-directory -C "$1/b" TESTS_JOBS="${TESTS_JOBS:-2}" "${@:2}" 2>&1 | tee "$1/$2.log"
}

# build DIR OPTION...: sources to build/DIR/src, objects to build/DIR/b.
build()
{
	local dir=$tree/build/$1
	shift
	copy_sources "$tree" "$dir/src"
	configure_in "$dir" "$@"
	make -s -C "$dir/b" -j"$(nproc)" check-build >"$dir/make.log" 2>&1 || {
		tail -n 40 "$dir/make.log" >&2
		die "the build failed; see $dir/make.log"
	}
}

# suite DIR: runs the tests in build/DIR.
suite()
{
	local dir=$tree/build/$1 before=$failed
	if ! make_logged "$dir" check $one; then
		count "$dir/check.log"
		[ "$failed" -gt "$before" ] || failed=$((failed + 1))
		return 0
	fi
	count "$dir/check.log"
}

full()
{
	say "clang, warnings as errors"
	build check-clang CC=clang --enable-werror
	say "fuzz targets with libFuzzer"
	build check-fuzz CC=clang --enable-fuzzing
	one=T=t/fuzz.t suite check-fuzz
	say "distribution archive"
	if ! make_logged "$tree/build/check" distcheck; then
		failed=$((failed + 1))
		say "make distcheck failed"
	fi
	say "address and undefined-behaviour sanitizers"
	build check-asan --enable-sanitizer=address CFLAGS="-O1 -g"
	suite check-asan
	say "thread sanitizer"
	build check-tsan --enable-sanitizer=thread CFLAGS="-O1 -g"
	suite check-tsan
}

mode=quick
install=yes
one=
while [ $# -gt 0 ]; do
	case $1 in
	--full) mode=full ;;
	--no-install) install=no ;;
	T=*) one=$1 ;;
	-h|--help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done

if [ $install = yes ]; then
	[ $mode = full ] || FULL_PACKAGES=
	# shellcheck disable=SC2086
	install_quietly $BUILD_PACKAGES $TEST_PACKAGES $FULL_PACKAGES
	# shellcheck disable=SC2086
	need_packages $KERNEL_PACKAGES ||
		say "no $KERNEL_PACKAGES here: what needs its kernel is skipped"
fi
trap 'give_back "$tree/build"' EXIT
say "gcc, warnings as errors"
build check CC=gcc --enable-werror
suite check
[ $mode = quick ] || full
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
