# SPDX-License-Identifier: GPL-2.0
"""Compiles what an emulator is started with. Called by bochs.py and qemu.py."""

import os
import subprocess


def build(source, target, argv):
    """Runs a compiler when the source is newer than its product."""
    if (os.path.exists(target) and
            os.path.getmtime(target) >= os.path.getmtime(source)):
        return target
    part = f"{target}.{os.getpid()}"
    subprocess.run(argv + ["-o", part, source], check=True)
    os.rename(part, target)
    return target
