# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Gets the QEMU for emulated hosts with more than one processor, unpacked in
# build/qemu/ beside the machine's own. Sourced by scripts/host; expects
# common.sh.
#
# Until 8.1, QEMU that counts instructions (-icount) lets the first processor
# use up the time to the next timer; the second one gets none (QEMU's commit
# "accel/tcg/tcg-accel-ops-rr: ensure fairness with icount"). Without -icount
# the timers are another thread's, which loses interrupts with AMD-V (see
# docs/errata-emulators.md). Debian 12 has 7.2, and a newer one in backports.

QEMU_SUITE=bookworm-backports
QEMU_PACKAGES="qemu-system-x86 qemu-system-common qemu-system-data seabios"

# fair_qemu PROGRAM: is it 8.1 or newer?
fair_qemu()
{
	"$1" --version 2>/dev/null | awk '/version/ {
		for (i = 1; i < NF; i++)
			if ($i == "version") {
				split($(i + 1), v, ".")
				exit !(v[1] > 8 || v[1] == 8 && v[2] >= 1)
			}
	}'
}

# qemu_apt COMMAND...: apt with lists of its own, of that suite alone.
qemu_apt()
{
	local dir=$BUILD/qemu/apt

	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
		"http://deb.debian.org/debian $QEMU_SUITE main" >"$dir/sources.list"
	apt-get -qq -o Dir::Etc::sourcelist="$dir/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" \
		-o APT::Sandbox::User="$(id -un)" \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=30 "$@"
}

# setup_qemu: build/qemu/qemu-system-x86_64, a command; nothing if the machine's
# own will do. Not to get it is no error: see qemu.py for what is lost.
setup_qemu()
{
	local dir=$BUILD/qemu deb

	[ ! -x "$dir/qemu-system-x86_64" ] || return 0
	! fair_qemu qemu-system-x86_64 || return 0
	rm -rf "$dir" && mkdir -p "$dir/debs"
	# shellcheck disable=SC2086
	if ! qemu_apt update || ! (cd "$dir/debs" && qemu_apt download $QEMU_PACKAGES); then
		echo "no QEMU from $QEMU_SUITE: hosts of two processors run" \
			"without -icount" >&2
		return 0
	fi
	for deb in "$dir/debs"/*.deb; do
		dpkg -x "$deb" "$dir/root" || die "cannot unpack $deb"
	done
	rm -rf "$dir/debs" "$dir/apt"
	cat >"$dir/run" <<-'END'
	#!/bin/sh
	root=$(dirname "$0")/root
	exec "$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" \
		-L "$root/usr/share/seabios" "$@"
	END
	chmod 755 "$dir/run"
	if ! fair_qemu "$dir/run"; then
		echo "QEMU of $QEMU_SUITE does not run here" >&2
		return 0
	fi
	mv "$dir/run" "$dir/qemu-system-x86_64"
	echo "qemu: $("$dir/qemu-system-x86_64" --version | head -n 1)" \
		"in ${dir#"$TOP"/}"
}
