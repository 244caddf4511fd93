#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# From a clone to a running balancer: installs the packages, builds in
# build/quickstart, starts two demonstration servers and the balancer before
# them, and says what to open. Ctrl-C stops all three.

set -euo pipefail

tree=$(cd "$(dirname "$0")/.." && pwd)
work=$tree/build/quickstart
run=$work/run
. "$tree/contrib/dev/packages.sh"

export QS_SITE_PORT=${QS_SITE_PORT:-8080}
export QS_STATS_PORT=${QS_STATS_PORT:-8404}
export QS_SERVER1_PORT=${QS_SERVER1_PORT:-8081}
export QS_SERVER2_PORT=${QS_SERVER2_PORT:-8082}

usage()
{
	cat <<-END
	usage: contrib/quickstart.sh [--background | --stop] [options]
	  --background        start, say what runs, and return
	  --stop              stop what --background started
	  --port N            the site's port [$QS_SITE_PORT]
	  --stats-port N      the statistics page's port [$QS_STATS_PORT]
	  --server1-port N    the first demonstration server's [$QS_SERVER1_PORT]
	  --server2-port N    the second one's [$QS_SERVER2_PORT]
	The environment sets them too: QS_SITE_PORT, QS_STATS_PORT,
	QS_SERVER1_PORT, QS_SERVER2_PORT.
	END
}

# pid_of NAME: its process id, when that process is there and is ours.
pid_of()
{
	local pid
	[ -r "$run/$1.pid" ] || return 1
	read -r pid <"$run/$1.pid" || return 1
	[ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || return 1
	# It may be gone by now.
	{ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null |
		grep -q -e "^$work/b/tideway " || return 1
	echo "$pid"
}

# stop_one NAME: SIGTERM, and SIGKILL after five seconds.
stop_one()
{
	local pid n=0
	if pid=$(pid_of "$1"); then
		kill -TERM "$pid" 2>/dev/null || true
		while pid_of "$1" >/dev/null; do
			n=$((n + 1))
			[ $n -ne 50 ] || kill -KILL "$pid" 2>/dev/null || true
			sleep 0.1
		done
	fi
	rm -f "$run/$1.pid"
}

stop_all()
{
	stop_one balancer
	stop_one server1
	stop_one server2
}

# port_taken PORT: does somebody listen there?
port_taken()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# answers PORT PATH: the status of one request, nothing when there is none.
answers()
{
	# shellcheck disable=SC2016
	timeout 3 bash -c '
		exec 3<>"/dev/tcp/127.0.0.1/$0" || exit 1
		printf "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" "$1" >&3
		read -r _ status _ <&3 && echo "$status"' "$1" "$2" 2>/dev/null ||
		true
}

# wait_for NAME PORT PATH: until it answers 200, twenty seconds at most.
wait_for()
{
	local n=0
	until [ "$(answers "$2" "$3")" = 200 ]; do
		n=$((n + 1))
		if [ $n -gt 100 ] || ! kill -0 "$(cat "$run/$1.pid")"; then
			tail -n 20 "$run/$1.log" >&2 || true
			stop_all
			die "$1 does not answer on port $2; its last words are above"
		fi
		sleep 0.2
	done
}

# start NAME PORT CONFIGURATION: in a session of its own, so that Ctrl-C
# reaches only this script, which then stops all in order.
start()
{
	local name=$1 port=$2 conf=$3
	pid_of "$name" >/dev/null && return 0
	! port_taken "$port" ||
		die "port $port is taken; choose another (see --help)"
	setsid "$work/b/tideway" -db -f "$work/src/conf/$conf" \
		</dev/null >"$run/$name.log" 2>&1 &
	echo $! >"$run/$name.pid"
}

build()
{
	# shellcheck disable=SC2086
	need_packages $BUILD_PACKAGES
	say "building in build/quickstart"
	copy_sources "$tree" "$work/src"
	configure_in "$work"
	make -s -C "$work/b" -j"$(nproc)" >"$work/make.log" 2>&1 || {
		tail -n 30 "$work/make.log" >&2
		die "the build failed; see $work/make.log"
	}
	give_back "$tree/build"
}

start_all()
{
	local name
	export TIDEWAY_MODULE_PATH=$work/b/modules/.libs
	mkdir -p "$run"
	for name in QS_SITE_PORT QS_STATS_PORT QS_SERVER1_PORT QS_SERVER2_PORT; do
		echo "$name=${!name}"
	done >"$run/ports"
	DEMO_NAME=server1 DEMO_PORT=$QS_SERVER1_PORT \
		start server1 "$QS_SERVER1_PORT" demo-origin.cfg
	DEMO_NAME=server2 DEMO_PORT=$QS_SERVER2_PORT \
		start server2 "$QS_SERVER2_PORT" demo-origin.cfg
	wait_for server1 "$QS_SERVER1_PORT" /
	wait_for server2 "$QS_SERVER2_PORT" /
	! port_taken "$QS_STATS_PORT" || pid_of balancer >/dev/null ||
		die "port $QS_STATS_PORT is taken; choose another (see --help)"
	start balancer "$QS_SITE_PORT" quickstart.cfg
	wait_for balancer "$QS_STATS_PORT" /monitor
	wait_for balancer "$QS_SITE_PORT" /
}

tell()
{
	cat <<-END

	  the site              http://localhost:$QS_SITE_PORT/
	  the statistics page   http://localhost:$QS_STATS_PORT/monitor

	  Reload the site: server1 and server2 take turns. To see one die, end it
	  and watch the statistics page; then run this script again.
	    kill $(pid_of server1)    ends server1 (port $QS_SERVER1_PORT)
	    kill $(pid_of server2)    ends server2 (port $QS_SERVER2_PORT)
	  balancer: process $(pid_of balancer), log $run/balancer.log

	END
}

finish()
{
	trap '' INT TERM HUP
	stop_all
	kill "$1" 2>/dev/null || true
	echo
	say stopped
}

foreground()
{
	local tail_pid pid
	pid=$(pid_of balancer)
	say "Ctrl-C stops everything; requests are logged below"
	tail -n +1 -f --pid="$pid" "$run/balancer.log" &
	tail_pid=$!
	# Expanded now: the variable is gone when the trap runs.
	# shellcheck disable=SC2064
	trap "finish $tail_pid" EXIT
	trap 'exit 0' INT TERM HUP
	wait "$tail_pid" || true
	say "the balancer ended"
}

mode=foreground
while [ $# -gt 0 ]; do
	case $1 in
	--background) mode=background ;;
	--stop) mode=stop ;;
	--port|--stats-port|--server1-port|--server2-port)
		[[ ${2-} =~ ^[0-9]+$ ]] || die "$1 needs a port number"
		case $1 in
		--port) QS_SITE_PORT=$2 ;;
		--stats-port) QS_STATS_PORT=$2 ;;
		--server1-port) QS_SERVER1_PORT=$2 ;;
		--server2-port) QS_SERVER2_PORT=$2 ;;
		esac
		shift ;;
	-h|--help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done

if [ $mode = stop ]; then
	stop_all
	say stopped
	exit 0
fi
if pid_of balancer >/dev/null && pid_of server1 >/dev/null &&
    pid_of server2 >/dev/null; then
	# shellcheck source=/dev/null
	. "$run/ports"
	say "it runs already; contrib/quickstart.sh --stop ends it"
	tell
	exit 0
fi
build
# From here on a failure or a signal leaves nothing behind.
trap 'stop_all' EXIT
trap 'exit 1' INT TERM HUP
start_all
tell
if [ $mode = background ]; then
	trap - EXIT INT TERM HUP
	say "contrib/quickstart.sh --stop ends it"
else
	foreground
fi
