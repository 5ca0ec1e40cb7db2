# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Builds what the emulated host boots: its initramfs, in a part that is the
# same for every run (cached in build/host/KERNEL/) and a part for one run, and
# the guest's initramfs. Sourced by scripts/host; expects common.sh.

PATH=$PATH:/usr/sbin:/sbin

# Modules that the emulated host may want to load; missing ones are left out.
HOST_MODULES="kvm kvm_amd kvm_intel irqbypass msr"

# newer TARGET SOURCE...: true if TARGET is there and no SOURCE is newer.
newer()
{
	local target=$1 s

	[ -e "$target" ] || return 1
	shift
	for s in "$@"; do
		[ "$s" -nt "$target" ] && return 1
	done
	return 0
}

# make_cpio DIR: an initramfs archive of DIR on stdout, the same bytes for the
# same content.
make_cpio()
{
	(cd "$1" && find . -mindepth 1 -exec touch -h -d @0 {} + &&
		find . -mindepth 1 -print0 | LC_ALL=C sort -z |
		cpio --quiet --null -o -H newc -R 0:0 --reproducible)
}

# compile_static SOURCE TARGET
compile_static()
{
	newer "$2" "$1" && return 0
	mkdir -p "$(dirname "$2")"
	gcc-12 -std=gnu11 -O2 -Wall -Wextra -Werror -static -s -o "$2.$$" "$1" ||
		die "cannot compile $1"
	mv "$2.$$" "$2"
}

busybox_tree()
{
	local dir=$1 applet

	mkdir -p "$dir"/{bin,sbin,usr/bin,usr/sbin,etc,proc,sys,dev,tmp,run,root}
	cp /bin/busybox "$dir/bin/busybox"
	for applet in $(/bin/busybox --list); do
		[ -e "$dir/bin/$applet" ] || ln -s busybox "$dir/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$dir/etc/passwd"
	echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>"$dir/etc/passwd"
	echo 'root:x:0:' >"$dir/etc/group"
	echo 'nogroup:x:65534:' >>"$dir/etc/group"
}

# host_modules KERNEL DIR: the modules and what they depend on, stripped
# (which makes loading them much faster), with their dependency list.
host_modules()
{
	local kdir=$BUILD/kernel/$1 dir=$2 rel m file name

	rel=$(cat "$kdir/release")
	mkdir -p "$dir/lib/modules/$rel"
	for m in $HOST_MODULES; do
		modprobe -d "$kdir/root" -S "$rel" --show-depends "$m" 2>/dev/null
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u |
		while read -r file; do
			name=${file##*/}
			case $name in
			*.xz) xz -dc "$file" >"$dir/lib/modules/$rel/${name%.xz}" ;;
			*.zst) zstd -qdc "$file" >"$dir/lib/modules/$rel/${name%.zst}" ;;
			*) cp "$file" "$dir/lib/modules/$rel/$name" ;;
			esac
		done
	strip --strip-unneeded "$dir/lib/modules/$rel"/*.ko
	cp "$kdir/modules"/modules.{builtin,builtin.modinfo,order} \
		"$dir/lib/modules/$rel/"
	depmod -b "$dir" "$rel"
	rm -f "$dir/lib/modules/$rel/"*.bin
}

# base_image KERNEL: build/host/KERNEL/base.cpio and the kernel as a flat ELF
# file, build/host/KERNEL/vmlinux.
base_image()
{
	local out=$BUILD/host/$1 tree

	compile_static "$SCRIPTS/lib/init.c" "$BUILD/host/init"
	mkdir -p "$out"
	if ! newer "$out/vmlinux" "$BUILD/kernel/$1/complete"; then
		python3 "$SCRIPTS/lib/vmlinux.py" extract \
			"$BUILD/kernel/$1/vmlinuz" "$out/vmlinux.$$" &&
			mv "$out/vmlinux.$$" "$out/vmlinux"
	fi
	newer "$out/base.cpio" "$BUILD/host/init" "$BUILD/kernel/$1/complete" \
		"$SCRIPTS/lib/image.sh" /bin/busybox && return 0
	tree=$out/tree.$$
	rm -rf "$tree"
	busybox_tree "$tree"
	cp "$BUILD/host/init" "$tree/init"
	mkdir -p "$tree/host" "$tree/duet"
	host_modules "$1" "$tree"
	make_cpio "$tree" >"$out/base.cpio.$$"
	mv "$out/base.cpio.$$" "$out/base.cpio"
	rm -rf "$tree"
}

# locked COMMAND...: one at a time, so that parallel runs do not build the same
# files on top of each other.
locked()
{
	mkdir -p "$BUILD/host"
	(
		flock -w 300 9 || die "another run holds build/host/.lock"
		"$@"
	) 9>"$BUILD/host/.lock"
}

# quote WORD...: the words, quoted for the shell in the emulated host.
quote()
{
	local w

	for w in "$@"; do
		printf "'%s' " "${w//\'/\'\\\'\'}"
	done
	echo
}

# guest_text: some MiB of text, always the same, that compress like prose.
guest_text()
{
	awk 'BEGIN {
		n = split("score voice note rest bar key clef duet page entry exit \
			trap fault frame guest host timer vector mask event", w)
		x = 20261
		for (line = 1; size < 4194304; line++) {
			s = line
			for (i = 0; i < 9; i++) {
				x = (x * 1103515 + 12345) % 2147483648
				s = s " " w[int(x / 65536) % n + 1]
			}
			print s
			size += length(s) + 1
		}
	}'
}

# threaded_xz DIR: Debian's xz, which compresses with threads, and its
# libraries. (busybox has the other direction only.)
threaded_xz()
{
	local dir=$1 lib

	mkdir -p "$dir/usr/bin"
	cp -L /usr/bin/xz "$dir/usr/bin/xz"
	ldd /usr/bin/xz | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "$dir${lib%/*}"
		cp -L "$lib" "$dir$lib"
	done
}

# guest_image: build/guest/initrd, the same bytes each time, and smp.cpio, which
# follows it for a multiprocessor guest.
guest_image()
{
	local out=$BUILD/guest tree=$BUILD/guest/tree.$$ size sum packed

	newer "$out/smp.cpio" "$SCRIPTS/lib/guest-init.sh" \
		"$SCRIPTS/lib/guest-smp.sh" \
		"$SCRIPTS/lib/image.sh" /bin/busybox && return 0
	rm -rf "$tree" && mkdir -p "$out"
	busybox_tree "$tree"
	mkdir "$tree/payload"
	guest_text >"$out/text"
	xz -9 --check=crc32 -c "$out/text" >"$tree/payload/text.xz"
	size=$(wc -c <"$out/text")
	sum=$(sha256sum <"$out/text" | cut -d ' ' -f 1)
	sed -e "s/@SIZE@/$size/" -e "s/@SHA256@/$sum/" \
		"$SCRIPTS/lib/guest-init.sh" >"$tree/init"
	chmod 755 "$tree/init"
	make_cpio "$tree" >"$out/initrd.$$"
	mv "$out/initrd.$$" "$out/initrd"

	rm -rf "$tree" && mkdir "$tree"
	threaded_xz "$tree"
	# the blocks are the same for any number of threads above one
	packed=$(xz -1 -T2 --block-size=256KiB -c "$out/text" | sha256sum |
		cut -d ' ' -f 1)
	sed -e "s/@SHA256@/$sum/" -e "s/@PACKED@/$packed/" \
		"$SCRIPTS/lib/guest-smp.sh" >"$tree/smp"
	chmod 755 "$tree/smp"
	make_cpio "$tree" >"$out/smp.cpio.$$"
	mv "$out/smp.cpio.$$" "$out/smp.cpio"
	rm -rf "$tree" "$out/text"
}
