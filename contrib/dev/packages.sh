# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Sourced by quickstart.sh and check.sh: Debian packages, and a build in a
# directory of its own. Sources are copied there first, so that a build never
# writes into the tree and a tree configured in place is not in the way.

# gcc only recommends libc6-dev, and recommendations are not installed.
BUILD_PACKAGES="gcc libc6-dev make autoconf automake libtool pkg-config
	libevent-dev libssl-dev libpcre2-dev liblua5.3-dev libjansson-dev
	libxxhash-dev zlib1g-dev libbrotli-dev libzstd-dev libnghttp2-dev
	libmnl-dev"

say()
{
	printf '== %s\n' "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "packages are missing: run this as root, or install sudo"
	fi
}

# Prints those of its arguments that are not installed.
missing_packages()
{
	local p
	for p in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null |
			grep -qx installed || printf '%s ' "$p"
	done
}

apt_install()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
		install --no-install-recommends "$@"
}

# need_packages NAME...: installs what is missing. The package lists are
# fetched only when there are none, or when an installation failed with them.
need_packages()
{
	local missing
	command -v apt-get >/dev/null || {
		say "no apt-get here: taking the packages as installed"
		return 0
	}
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	say "installing $missing"
	# shellcheck disable=SC2086
	if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 ||
	    ! apt_install $missing; then
		as_root apt-get -q update
		apt_install $missing
	fi
}

# copy_sources TREE DEST: what the build needs. A file that changed gets the
# time of the copy and not its own, which may be before that of an object made
# from its former text; what did not change keeps its time, so that a second
# build compiles only what it must. What was deleted goes too.
copy_sources()
{
	local new=$2.new f
	rm -rf "$new"
	mkdir -p "$2" "$new"
	tar -C "$1" -cf - --exclude=./.git --exclude=./build \
		--exclude=./autom4te.cache --exclude=./config.status \
		--exclude=./config.log --exclude=./config.h \
		--exclude=./stamp-h1 --exclude=./libtool --exclude=./Makefile \
		--exclude=./tideway --exclude='./tideway-*' \
		--exclude=./core/tideway.pc \
		--exclude=./contrib/systemd/tideway.service \
		--exclude=./modules/stats/assets.c \
		--exclude='*.o' --exclude='*.lo' --exclude='*.a' \
		--exclude='*.la' --exclude=.libs --exclude=.deps \
		--exclude=.dirstamp . | tar -C "$new" -xf -
	# Programs of a build in place, which make would take for its own.
	find "$new/t/unit" "$new/t/fuzz" -maxdepth 1 -type f ! -name '*.*' \
		-delete
	(cd "$new" && find . -type f) | while read -r f; do
		if [ ! -e "$2/$f" ]; then
			mkdir -p "$2/${f%/*}"
			cp -p "$new/$f" "$2/$f"
		elif ! cmp -s "$new/$f" "$2/$f"; then
			cp "$new/$f" "$2/$f"
		fi
	done
	for f in core modules lua conf t contrib; do
		[ ! -d "$2/$f" ] || find "$2/$f" -type f
	done | while read -r f; do
		[ -e "$new/${f#"$2/"}" ] || rm -f "$f"
	done
	rm -rf "$new"
}

# configure_in DIR [VAR=VALUE | --option]...: DIR/src to DIR/b; again only
# when the options changed. Output goes to DIR/configure.log.
configure_in()
{
	local dir=$1
	shift
	if [ ! -e "$dir/src/configure" ]; then
		(cd "$dir/src" && autoreconf -i) >"$dir/autoreconf.log" 2>&1 || {
			cat "$dir/autoreconf.log" >&2
			die "autoreconf failed"
		}
	fi
	mkdir -p "$dir/b"
	if [ ! -e "$dir/b/config.status" ] ||
	    [ "$(cat "$dir/options" 2>/dev/null)" != "$*" ]; then
		(cd "$dir/b" && ../src/configure "$@") >"$dir/configure.log" 2>&1 || {
			tail -n 30 "$dir/configure.log" >&2
			die "configure failed; see $dir/b/config.log"
		}
		printf '%s' "$*" >"$dir/options"
	fi
}

# When sudo ran us, what we made belongs to who called it.
give_back()
{
	[ -z "${SUDO_UID-}" ] || [ ! -e "$1" ] ||
		chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$1"
}
