#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Read a stream that `weir:NAME` publishes as numpy arrays, without a copy: tap.py NAME [RECORDS]

    weir run 'iio:accel_3d[x,y,z] rate=200Hz | weir:accel' &
    examples/tap.py accel
"""
import ctypes
import ctypes.util
import json
import sys

import numpy

WHY = 512
AS_ALLOWED, DROP_OLDEST, BLOCK = range(3)


def load():
    lib = ctypes.CDLL("libweir.so.0")
    lib.weir_tap_open.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p]
    lib.weir_tap_close.argtypes = [ctypes.c_void_p]
    lib.weir_tap_text.argtypes = [ctypes.c_void_p]
    lib.weir_tap_text.restype = ctypes.c_char_p
    lib.weir_tap_row_bytes.argtypes = [ctypes.c_void_p]
    lib.weir_tap_peek.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)]
    lib.weir_tap_peek.restype = ctypes.c_void_p
    lib.weir_tap_release.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    lib.weir_tap_release.restype = ctypes.c_uint32
    lib.weir_tap_wait.argtypes = [ctypes.c_void_p, ctypes.c_int]
    lib.weir_tap_lost.argtypes = [ctypes.c_void_p]
    lib.weir_tap_lost.restype = ctypes.c_uint64
    return lib


def dtype_of(schema):
    """A row: its time, then every field at a multiple of 8 bytes."""
    names, formats, offsets, at = ["t"], ["i8"], [0], 8
    for field in schema["fields"]:
        width = field.get("bytes", 8)
        names.append(field["name"])
        formats.append({"real": "f8", "int": "i8", "bool": "i8", "text": f"S{width}"}[field["kind"]])
        offsets.append(at)
        at += (width + 7) // 8 * 8
    return numpy.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": at})


class Tap:
    """A subscription. `for rows in tap.blocks()` gives arrays that lie in the publisher's memory: copy what is to be kept."""

    def __init__(self, name, policy=DROP_OLDEST):
        self.lib, self.tap = load(), ctypes.c_void_p()
        why = ctypes.create_string_buffer(WHY)
        if self.lib.weir_tap_open(ctypes.byref(self.tap), name.encode(), policy, why) < 0:
            raise OSError(why.value.decode())
        self.schema = json.loads(self.lib.weir_tap_text(self.tap))
        self.dtype = dtype_of(self.schema)
        assert self.dtype.itemsize == self.lib.weir_tap_row_bytes(self.tap)
        self.spoilt = 0  # of the last block: so many at its front were overwritten while it was in use

    def blocks(self, most=4096):
        n = ctypes.c_uint32()
        while self.lib.weir_tap_wait(self.tap, -1) > 0:
            at = self.lib.weir_tap_peek(self.tap, most, ctypes.byref(n))
            if n.value:
                memory = (ctypes.c_char * (n.value * self.dtype.itemsize)).from_address(at)
                rows = numpy.frombuffer(memory, self.dtype)
                rows.flags.writeable = False
                yield rows
            self.spoilt = self.lib.weir_tap_release(self.tap, n.value)

    def lost(self):
        return self.lib.weir_tap_lost(self.tap)

    def close(self):
        self.lib.weir_tap_close(self.tap)
        self.tap = ctypes.c_void_p()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tap = Tap(sys.argv[1])
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else None
    count = 0
    numbers = [f["name"] for f in tap.schema["fields"] if f["kind"] != "text"]
    sums = dict.fromkeys(numbers, 0.0)
    for rows in tap.blocks():
        rows = rows[: wanted - count] if wanted else rows
        count += len(rows)
        for name in numbers:
            sums[name] += float(rows[name].sum())
        if wanted and count >= wanted:
            break
    print(f"{count} records, {tap.lost()} lost;", ", ".join(f"mean {n} = {s / max(count, 1):g}" for n, s in sums.items()))
    tap.close()


if __name__ == "__main__":
    main()
