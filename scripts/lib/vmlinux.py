#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Takes the ELF kernel out of a bzImage.

usage: vmlinux.py extract VMLINUZ VMLINUX

An emulator needs most of a minute to decompress a kernel; this does it once,
outside. Used by scripts/lib/image.sh and scripts/lib/bochs.py.
"""

import lzma
import struct
import subprocess
import sys
import zlib


def setup_header(image):
    """Offset and length of the compressed kernel (Documentation/x86/boot)."""
    if image[0x202:0x206] != b"HdrS":
        raise ValueError("not a bzImage")
    setup_sects = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    return (setup_sects + 1) * 512 + offset, length


def decompress(data):
    """The payload's content; its last four bytes are its size."""
    if data[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(data)
    if data[:2] == b"\x1f\x8b":
        return zlib.decompressobj(31).decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-qdc"], input=data[:-4], check=True,
                              stdout=subprocess.PIPE).stdout
    if data[:4] == b"\x02\x21\x4c\x18":
        return subprocess.run(["lz4", "-qdc"], input=data[:-4], check=True,
                              stdout=subprocess.PIPE).stdout
    raise ValueError("unknown compression")


def extract(image):
    offset, length = setup_header(image)
    elf = decompress(image[offset:offset + length])
    if elf[:4] != b"\x7fELF":
        raise ValueError("no ELF file inside")
    return elf


def segments(elf):
    """The entry point and (physical address, content, size in memory)."""
    entry, phoff = struct.unpack_from("<QQ", elf, 24)
    phentsize, phnum = struct.unpack_from("<HH", elf, 54)
    found = []
    for i in range(phnum):
        ptype, _, off, _, paddr, filesz, memsz, _ = struct.unpack_from(
            "<IIQQQQQQ", elf, phoff + i * phentsize)
        if ptype == 1 and memsz:
            found.append((paddr, elf[off:off + filesz], memsz))
    return entry, found


def main():
    if len(sys.argv) != 4 or sys.argv[1] != "extract":
        sys.exit(__doc__)
    try:
        with open(sys.argv[2], "rb") as f:
            elf = extract(f.read())
    except (OSError, ValueError, lzma.LZMAError, subprocess.SubprocessError) as e:
        sys.exit(f"vmlinux.py: {sys.argv[2]}: {e}")
    with open(sys.argv[3], "wb") as f:
        f.write(elf)


if __name__ == "__main__":
    main()
