# SPDX-License-Identifier: GPL-2.0
BOOT_MARK = b"DUET-BOOT\n"
MACHINES = {}
