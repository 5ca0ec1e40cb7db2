# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What every script here shares: where things are, and how to complain.
# Sourced by scripts/host, scripts/test and scripts/demo; runs nothing itself.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SCRIPTS=$TOP/scripts
BUILD=${DUET_BUILD:-$TOP/build}

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

usage_error()
{
	echo "${0##*/}: $*" >&2
	echo "Try '${0##*/} --help'." >&2
	exit 2
}

# usage: print the header comment of the running script as its help text.
usage()
{
	sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# need_arg OPTION COUNT: COUNT arguments are left; OPTION takes one more.
need_arg()
{
	[ "$2" -ge 2 ] || usage_error "$1 needs an argument"
}

need_number()
{
	case $2 in
	'' | *[!0-9]*) usage_error "$1 needs a number, not '$2'" ;;
	esac
}
