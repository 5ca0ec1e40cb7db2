# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Gets this machine ready: the distribution's packages, and the kernels of the
# emulated host, unpacked under build/kernel/ beside the machine's own.
# Sourced by scripts/host; expects scripts/lib/common.sh.

# Each line: what proves that it is there (a command or a file), the package.
requirements()
{
	cat <<-'LIST'
	qemu-system-x86_64 qemu-system-x86
	/usr/share/seabios/bios-256k.bin seabios
	bochs bochs
	/usr/lib/bochs/plugins/libbx_rfb.so bochs-term
	/usr/share/bochs/BIOS-bochs-latest bochsbios
	/usr/share/vgabios/vgabios.bin vgabios
	gcc-12 gcc-12
	gcc gcc
	ld binutils
	make make
	/usr/include/stdio.h libc6-dev
	/usr/include/linux/kvm.h linux-libc-dev
	sparse sparse
	/usr/include/Zydis/Zydis.h libzydis-dev
	/usr/include/libelf.h libelf-dev
	/bin/busybox busybox-static
	cpio cpio
	gzip gzip
	lz4 lz4
	zstd zstd
	xz xz-utils
	/sbin/depmod kmod
	bc bc
	git git
	python3 python3
	/sbin/mke2fs e2fsprogs
	LIST
}

missing_packages()
{
	local proof package

	requirements | while read -r proof package; do
		case $proof in
		*rfb.so)
			# multiarch moves the plugins about between releases
			dpkg -L "$package" 2>/dev/null | grep -q . || echo "$package"
			;;
		/bin/busybox)
			# the dynamic busybox is no good in an initramfs
			dpkg-query -W -f '${db:Status-Status}\n' "$package" \
				2>/dev/null | grep -qx installed || echo "$package"
			;;
		/*) [ -e "$proof" ] || echo "$package" ;;
		*) PATH=$PATH:/sbin:/usr/sbin command -v "$proof" >/dev/null ||
			echo "$package" ;;
		esac
	done | sort -u
}

# check_kernel_name NAME: a kernel's NAME is a series with an optional flavour:
# 6.1, 6.12, 6.1-amd64; the cloud flavour is the default. The series "newest" is
# Debian's newest. Or it is "debug" or "kcsan".
check_kernel_name()
{
	[[ $1 =~ ^(([0-9]+\.[0-9]+|newest)(-(cloud-)?amd64)?|debug|kcsan)$ ]] ||
		usage_error "'$1' is not a kernel such as 6.1, 6.12, 6.1-amd64, newest, debug or kcsan"
}

# use_newer_suites: from now on apt looks into the suites that have Debian's
# newest kernel, with a configuration and lists of its own under build/apt: the
# machine's are not touched. The mirror is the machine's.
use_newer_suites()
{
	local apt=$BUILD/apt mirror suite
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg

	[ "${APT_CONFIG-}" != "$apt/apt.conf" ] || return 0
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' \
		'Created-By: Packages' | sed -n 's/ Debian$//p' | head -n 1)
	[ -n "$mirror" ] || die "apt knows no mirror of Debian"
	mkdir -p "$apt"/etc/{apt.conf.d,preferences.d,trusted.gpg.d} \
		"$apt/state/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	for suite in trixie trixie-backports; do
		echo "deb [signed-by=$keys] $mirror $suite main"
	done >"$apt/etc/sources.list"
	cat >"$apt/apt.conf" <<-CONF
	Dir::Etc "$apt/etc/";
	Dir::State "$apt/state/";
	Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache/";
	APT::Sandbox::User "$(id -un)";
	Acquire::Languages "none";
	CONF
	export APT_CONFIG=$apt/apt.conf
	apt-get -qq update || die "apt-get update failed for the newer suites"
}

# newest_release NAME: the newest kernel release of that series and flavour of
# which the image and the headers can be had.
newest_release()
{
	local flavour=cloud-amd64 rel series=${1%%-*}.

	case $1 in *-*) flavour=${1#*-} ;; esac
	[ "$series" != newest. ] || series=
	apt-cache pkgnames "linux-headers-$series" | sed -n "s/^linux-headers-\(.*-$flavour\)$/\1/p" |
		if [ "$flavour" = amd64 ]; then grep -vE -- '-(rt|cloud)-amd64$'; else cat; fi |
		sort -rV | while read -r rel; do
			apt-cache show --no-all-versions "linux-headers-$rel" 2>/dev/null |
				grep -q '^Filename' || continue
			image_packages "$rel" >/dev/null || continue
			echo "$rel"
			break
		done
}

can_be_had()
{
	apt-cache show --no-all-versions "$1" 2>/dev/null | grep -q '^Filename'
}

# image_packages RELEASE: its image, the signed one if both are there. Since 7.2
# it is in three packages.
image_packages()
{
	local p

	for p in "linux-binary-$1" "linux-image-$1" "linux-image-$1-unsigned"; do
		can_be_had "$p" || continue
		echo "$p"
		case $p in
		linux-binary-*) echo "linux-modules-$1" "linux-base-$1" ;;
		esac
		return 0
	done
	return 1
}

depends_of()
{
	apt-cache show --no-all-versions "$1" | sed -n 's/^Depends: //p' |
		tr ',' '\n' | sed 's/^ *//'
}

# kernel_packages RELEASE: all that is needed to boot it and to build for it.
# Headers whose compiler this machine does not have come with compiler and
# libraries, see run_here().
kernel_packages()
{
	local gcc

	image_packages "$1"
	echo "linux-headers-$1"
	depends_of "linux-headers-$1" |
		sed -n 's/^\(linux-headers-[^ ]*-common\).*/\1/p
			s/^\(linux-kbuild-[^ ]*\).*/\1/p'
	gcc=$(depends_of "linux-headers-$1" |
		sed -n 's/^gcc-\([0-9]*\)-for-host.*/\1/p')
	if [ -n "$gcc" ] && ! command -v "gcc-$gcc" >/dev/null; then
		echo "gcc-$gcc-x86-64-linux-gnu cpp-$gcc-x86-64-linux-gnu" \
			"libgcc-$gcc-dev libgcc-s1 libc6 libstdc++6 libgmp10" \
			"libmpfr6 libmpc3 libisl23 libelf1t64 zlib1g libzstd1"
	fi
}

# run_here ROOT FILE...: programs of a newer Debian, unpacked in ROOT, run with
# its C library.
run_here()
{
	local root=$1 f

	shift
	for f; do
		[ "$(head -c 4 "$f" | tail -c 3)" = ELF ] || continue
		mv "$f" "$f.elf"
		{
			echo '#!/bin/sh'
			echo "exec $root/usr/lib64/ld-linux-x86-64.so.2" \
				"--library-path $root/usr/lib/x86_64-linux-gnu" \
				"--argv0 \"\$0\" $f.elf \"\$@\""
		} >"$f"
		chmod 755 "$f"
	done
}

# newer_tools NEW DIR: makes compiler and kbuild's programs, unpacked in
# NEW/root, run on this machine once they are in DIR/root; NEW/cc is the
# compiler. Nothing if the packages had none.
newer_tools()
{
	local new=$1 dir=$2 f

	[ -e "$new/root/usr/lib64/ld-linux-x86-64.so.2" ] || return 0
	find "$new/root/usr/lib" -path '*/linux-kbuild-*' -type f -perm -1 \
		>"$new/programs"
	find "$new/root/usr/libexec/gcc" "$new/root/usr/bin" -type f -perm -1 \
		>>"$new/programs"
	while read -r f; do
		run_here "$dir/root" "$f"
		[ ! -e "$f.elf" ] || sed -i "s|$new/root|$dir/root|" "$f"
	done <"$new/programs"
	rm "$new/programs"
	# only for BTF in the module, which takes a newer pahole as well
	rm -f "$new"/root/usr/src/linux-headers-*/vmlinux
	f=$(cd "$new" && ls root/usr/bin/x86_64-linux-gnu-gcc-[0-9][0-9])
	ln -s "$f" "$new/cc"
}

# fetch_kernel NAME: the packages into build/debs, their file names into
# build/debs/NAME.list. What is there already is not fetched again.
fetch_kernel()
{
	local name=$1 debs=$BUILD/debs rel packages

	mkdir -p "$debs"
	if [ -s "$debs/$name.list" ] &&
		(cd "$debs" && xargs ls <"$name.list") >/dev/null 2>&1; then
		return 0
	fi
	case $name in
	newest*) use_newer_suites ;;
	*) rel=$(newest_release "$name") ;;
	esac
	if [ -z "$rel" ] && [ "$(id -u)" = 0 ]; then
		apt-get -qq update
		rel=$(newest_release "$name")
	fi
	if [ -z "$rel" ]; then
		use_newer_suites
		rel=$(newest_release "$name")
	fi
	[ -n "$rel" ] || die "no Debian package of a kernel $name in apt's lists;" \
		"is the suite in /etc/apt/sources.list, and 'apt-get update' done?"
	packages=$(kernel_packages "$rel")
	echo "fetching" $packages
	rm -rf "$debs/partial.$name" && mkdir "$debs/partial.$name"
	(cd "$debs/partial.$name" &&
		apt-get -qq -o APT::Sandbox::User="$(id -un)" download $packages) ||
		die "apt-get download failed for:" $packages
	(cd "$debs/partial.$name" && ls -- *.deb) >"$debs/$name.list.new"
	mv "$debs/partial.$name"/*.deb "$debs/" && rmdir "$debs/partial.$name"
	mv "$debs/$name.list.new" "$debs/$name.list"
}

# setup_kernel NAME: build/kernel/NAME/{vmlinuz,modules,headers,release,root}.
# Unpacked beside each other, the headers of one flavour find the common ones
# and kbuild by relative links, save for one absolute include, rewritten here.
# The kernels debug and kcsan are built; with a second argument, what that needs
# is installed.
setup_kernel()
{
	local name=$1 dir=$BUILD/kernel/$1 new deb rel src moddir image

	case $name in
	debug | kcsan)
		debug_kernel "$name" "${2-}"
		return
		;;
	esac
	if [ -e "$dir/complete" ] && [ "$(cat "$dir/complete")" = "$dir" ]; then
		return 0
	fi
	fetch_kernel "$name"
	new=$dir.new.$$
	rm -rf "$new" && mkdir -p "$new/root"
	while read -r deb; do
		dpkg -x "$BUILD/debs/$deb" "$new/root" || die "cannot unpack $deb"
	done <"$BUILD/debs/$name.list"
	moddir=$(cd "$new/root" && find . -path '*lib/modules/*/kernel' \
		-prune -printf '%P\n')
	moddir=${moddir%/kernel}
	rel=${moddir##*/}
	src=usr/src/linux-headers-$rel
	image=boot/vmlinuz-$rel
	[ -e "$new/root/$image" ] || image=$moddir/vmlinuz
	[ -f "$new/root/$src/Makefile" ] || die "no headers for $rel in the packages"
	sed -i "s|\([ =]\)/usr/src/|\1$dir/root/usr/src/|" \
		"$new/root/$src/Makefile"
	newer_tools "$new" "$dir"
	ln -s "root/$src" "$new/headers"
	ln -s "root/$image" "$new/vmlinuz"
	ln -s "root/$moddir" "$new/modules"
	echo "$rel" >"$new/release"
	# depmod writes beside the modules; with /usr merged it wants lib/
	[ -d "$new/root/lib/modules" ] || ln -s usr/lib "$new/root/lib"
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$new/root" "$rel"
	echo "$dir" >"$new/complete"
	rm -rf "$dir"
	mv "$new" "$dir"
	echo "kernel $name: $rel in ${dir#"$TOP"/}"
}

cmd_setup()
{
	local install= names=() missing name

	while [ $# -gt 0 ]; do
		case $1 in
		--install) install=1 ;;
		-*) usage_error "setup: unknown option $1" ;;
		*) check_kernel_name "$1"; names+=("$1") ;;
		esac
		shift
	done
	[ ${#names[@]} -gt 0 ] || names=(6.1)

	missing=$(missing_packages)
	if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && [ -n "$install" ]; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get -qq update || die "apt-get update failed"
		apt-get -qq install -y --no-install-recommends $missing ||
			die "apt-get install failed"
		missing=$(missing_packages)
	fi
	if [ -n "$missing" ]; then
		echo "Missing on this machine, as root:" >&2
		echo "    apt-get install --no-install-recommends" $missing >&2
		[ "$(id -u)" != 0 ] || echo "or: scripts/host setup --install" >&2
		return 1
	fi
	for name in "${names[@]}"; do
		setup_kernel "$name" "$install"
	done
	setup_qemu
}
