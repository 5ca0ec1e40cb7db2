# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The emulated host's kernels "debug" and "kcsan": tiny ones, built from Debian's
# kernel source with what finds faults in a module; "debug" has lockdep, KASAN,
# UBSAN, kmemleak..., "kcsan" the data race detector, which KASAN excludes.
# Sourced by scripts/host; expects common.sh and setup.sh.

DEBUG_SERIES=6.1
DEBUG_TARBALL=/usr/src/linux-source-$DEBUG_SERIES.tar.xz
# Not watched themselves. The PVH entry, and the memcmp() that it calls, run
# before there is a shadow memory; the others are sanitizers, which read all of
# memory or work at each lock: three times slower watched by another.
DEBUG_UNWATCHED="enlighten string kmemleak lockdep debugobjects"
# Of the races only the module's are looked for: the kernel's own are many and
# well known, and every look costs time. What makes barriers on the module's
# behalf has to say so, or it would seem to have none.
KCSAN_BARRIERS="mutex rwsem rwlock spinlock semaphore percpu-rwsem srcutree tree
	update sync wait completion core fair build_policy build_utility fork
	signal workqueue hrtimer smp task_work rcuwait eventfd wait_bit refcount
	kref file mmu_notifier"

# What the build needs beyond requirements(): a proof, and its package.
debug_requirements()
{
	cat <<-LIST
	$DEBUG_TARBALL linux-source-$DEBUG_SERIES
	flex flex
	bison bison
	bc bc
	perl perl
	lz4 lz4
	xz xz-utils
	gcc-12 gcc-12
	/usr/include/libelf.h libelf-dev
	LIST
}

debug_missing()
{
	local proof package

	debug_requirements | while read -r proof package; do
		case $proof in
		/*) [ -e "$proof" ] || echo "$package" ;;
		*) command -v "$proof" >/dev/null || echo "$package" ;;
		esac
	done
}

# debug_packages INSTALL: have them all, installed if INSTALL is not empty.
debug_packages()
{
	local missing

	missing=$(debug_missing)
	if [ -n "$missing" ] && [ -n "$1" ] && [ "$(id -u)" = 0 ]; then
		apt-get -qq update || die "apt-get update failed"
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
			--no-install-recommends $missing ||
			die "apt-get install failed"
		missing=$(debug_missing)
	fi
	[ -z "$missing" ] ||
		die "the debug kernel needs, as root: apt-get install" $missing
}

# debug_source DIR: the kernel's source, unpacked once for each version of the
# package; prints where.
debug_source()
{
	local version dir

	version=$(dpkg-query -W -f '${Version}' "linux-source-$DEBUG_SERIES")
	dir=$1/source-$version
	if [ ! -e "$dir/Makefile" ]; then
		echo "unpacking ${DEBUG_TARBALL##*/}" >&2
		rm -rf "$dir.new" && mkdir -p "$dir.new"
		tar -xf "$DEBUG_TARBALL" -C "$dir.new" --strip-components=1 ||
			die "cannot unpack $DEBUG_TARBALL"
		mv "$dir.new" "$dir"
	fi
	echo "$dir"
}

# debug_config NAME: the fragments that make it.
debug_config()
{
	cat "$SCRIPTS/lib/debug-kernel.config" \
		"$SCRIPTS/lib/debug-kernel-$1.config"
}

# debug_watched NAME: what make is to be told of who is watched.
debug_watched()
{
	case $1 in
	debug)
		printf 'KASAN_SANITIZE_%s.o=n ' $DEBUG_UNWATCHED
		printf 'UBSAN_SANITIZE_%s.o=n ' $DEBUG_UNWATCHED
		;;
	kcsan)
		printf 'KCSAN_SANITIZE=n '
		printf 'KCSAN_INSTRUMENT_BARRIERS_%s.o=y ' $KCSAN_BARRIERS
		;;
	esac
}

# debug_hash NAME SOURCE: of all that the result depends on.
debug_hash()
{
	{
		echo "$2"
		gcc-12 --version | head -n 1
		debug_watched "$1"
		debug_config "$1"
	} | sha256sum | cut -c 1-16
}

# debug_configure NAME SOURCE OUT: the fragments and nothing else; every word of
# them must have got into .config, or a sanitizer would be off in silence.
debug_configure()
{
	local src=$2 out=$3 line lost=

	mkdir -p "$out"
	debug_config "$1" >"$out/fragment"
	KCONFIG_ALLCONFIG=$out/fragment make -s -C "$src" O="$out" CC=gcc-12 \
		allnoconfig >/dev/null || die "cannot configure the kernel $1"
	while read -r line; do
		case $line in
		CONFIG_*) grep -qxF "$line" "$out/.config" ;;
		*' is not set') ! grep -q "^${line:2:-11}=" "$out/.config" ;;
		esac || lost="$lost
    $line"
	done <"$out/fragment"
	[ -z "$lost" ] || die "the configuration has lost:$lost"
}

# debug_kernel NAME INSTALL: build/kernel/NAME, as setup_kernel lays it out; what
# it needs of this machine is installed if INSTALL is not empty.
debug_kernel()
{
	local name=$1 dir=$BUILD/kernel/$1 base=$BUILD/debug-kernel
	local src hash out new rel started

	debug_packages "$2"
	mkdir -p "$base"
	base=$(realpath "$base")
	src=$(debug_source "$base")
	hash=$(debug_hash "$name" "$src")
	out=$base/$hash
	if [ -e "$dir/complete" ] &&
		[ "$(cat "$dir/complete")" = "$dir $hash" ]; then
		return 0
	fi
	if [ ! -e "$out/built" ]; then
		started=$SECONDS
		echo "building the kernel $name, in ${out#"$TOP"/}"
		debug_configure "$name" "$src" "$out"
		nice -n 15 make -s -C "$src" O="$out" CC=gcc-12 \
			$(debug_watched "$name") -j2 bzImage modules \
			>"$out/build.log" 2>&1 || {
			tail -n 30 "$out/build.log" >&2
			die "the kernel $name does not build; see $out/build.log"
		}
		echo "$((SECONDS - started)) s" >"$out/built"
		echo "built in $(cat "$out/built")"
	fi
	rel=$(cat "$out/include/config/kernel.release")
	new=$dir.new.$$
	rm -rf "$new" && mkdir -p "$new/root"
	make -s -C "$src" O="$out" CC=gcc-12 INSTALL_MOD_PATH="$new/root" \
		INSTALL_MOD_STRIP=1 DEPMOD=true modules_install >/dev/null
	rm -f "$new/root/lib/modules/$rel"/{build,source}
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$new/root" "$rel"
	ln -s "$out" "$new/headers"
	ln -s "$out/arch/x86/boot/bzImage" "$new/vmlinuz"
	ln -s "root/lib/modules/$rel" "$new/modules"
	echo "$rel" >"$new/release"
	echo "$dir $hash" >"$new/complete"
	rm -rf "$dir"
	mv "$new" "$dir"
	echo "kernel $name: $rel in ${dir#"$TOP"/}"
}
