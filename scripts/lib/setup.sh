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
# 6.1, 6.12, 6.1-amd64; the cloud flavour is the default. Or it is "debug".
check_kernel_name()
{
	[[ $1 =~ ^([0-9]+\.[0-9]+(-(cloud-)?amd64)?|debug)$ ]] ||
		usage_error "'$1' is not a kernel such as 6.1, 6.12, 6.1-amd64 or debug"
}

# newest_release NAME: the newest kernel release of that series and flavour of
# which the image and the headers can be had.
newest_release()
{
	local flavour=cloud-amd64 rel

	case $1 in *-*) flavour=${1#*-} ;; esac
	apt-cache pkgnames "linux-headers-${1%%-*}." | sed -n "s/^linux-headers-\(.*-$flavour\)$/\1/p" |
		if [ "$flavour" = amd64 ]; then grep -vE -- '-(rt|cloud)-amd64$'; else cat; fi |
		sort -rV | while read -r rel; do
			apt-cache show --no-all-versions "linux-headers-$rel" 2>/dev/null |
				grep -q '^Filename' || continue
			image_package "$rel" >/dev/null || continue
			echo "$rel"
			break
		done
}

# image_package RELEASE: its image package, the signed one if both are there.
image_package()
{
	local p

	for p in "linux-image-$1" "linux-image-$1-unsigned"; do
		if apt-cache show --no-all-versions "$p" 2>/dev/null |
			grep -q '^Filename'; then
			echo "$p"
			return 0
		fi
	done
	return 1
}

# kernel_packages RELEASE: all that is needed to boot it and to build for it.
kernel_packages()
{
	image_package "$1"
	echo "linux-headers-$1"
	apt-cache show --no-all-versions "linux-headers-$1" |
		sed -n 's/^Depends: //p' | tr ',' '\n' |
		sed -n 's/^ *\(linux-headers-[^ ]*-common\).*/\1/p
			s/^ *\(linux-kbuild-[^ ]*\).*/\1/p'
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
	rel=$(newest_release "$name")
	if [ -z "$rel" ] && [ "$(id -u)" = 0 ]; then
		apt-get -qq update
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
# The debug kernel is built; with a second argument, what that needs installed.
setup_kernel()
{
	local name=$1 dir=$BUILD/kernel/$1 new deb rel src moddir

	if [ "$name" = debug ]; then
		debug_kernel "${2-}"
		return
	fi
	if [ -e "$dir/complete" ] && [ "$(cat "$dir/complete")" = "$dir" ]; then
		return 0
	fi
	fetch_kernel "$name"
	new=$dir.new.$$
	rm -rf "$new" && mkdir -p "$new/root"
	while read -r deb; do
		dpkg -x "$BUILD/debs/$deb" "$new/root" || die "cannot unpack $deb"
	done <"$BUILD/debs/$name.list"
	rel=$(cd "$new/root/boot" && ls -d vmlinuz-* | sed 's/^vmlinuz-//')
	src=usr/src/linux-headers-$rel
	moddir=lib/modules/$rel
	[ -d "$new/root/$moddir/kernel" ] || moddir=usr/$moddir
	[ -f "$new/root/$src/Makefile" ] || die "no headers for $rel in the packages"
	sed -i "s|^include /usr/src/|include $dir/root/usr/src/|" \
		"$new/root/$src/Makefile"
	ln -s "root/$src" "$new/headers"
	ln -s "root/boot/vmlinuz-$rel" "$new/vmlinuz"
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
}
