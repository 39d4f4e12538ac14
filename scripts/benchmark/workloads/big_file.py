"""One big text file: written, read cold and warm, appended to, overwritten in the middle."""

import os
import statistics
import time

from .. import files, processes

RANDOM_READS = 200
BLOCK = "appended and overwritten text.\n\n" * 128


def run(place, data, record):
    path = os.path.join(place.root, "big.txt")
    data.warm(data.big)
    before = place.disk_bytes()
    closed = place.call(files.write, data.big, path)
    record("big.write", closed)
    record("big.write.durable", closed + place.time_barrier())
    record("big.stored", place.disk_bytes() - before)

    place.cold()
    record("big.first", place.call(files.first_block, path))
    place.cold()
    record("big.random", place.call(files.random_blocks, path, data.big, RANDOM_READS))
    place.cold()
    record("big.read.cold", place.call(files.read, path))
    record("big.read.warm", place.call(files.read, path))
    place.call(files.require_same, path, data.big)

    _change(place, data, path, record)
    if place.target.name == "bare":
        _commands(place, data, record)


def _change(place, data, path, record):
    place.barrier()
    start = time.perf_counter()
    each = place.call(files.append, path, BLOCK, data.size.appends)
    place.barrier()
    record("append.all", time.perf_counter() - start)
    record("append.one", statistics.median(each))

    middle = data.size.big_bytes // 2 + 100
    closed = place.call(files.overwrite, path, BLOCK, middle)
    record("overwrite", closed)
    record("overwrite.durable", closed + place.time_barrier())
    place.cold()
    place.call(_require_changed, path, data.big, middle, data.size.appends)


def _require_changed(path, original, middle, appends):
    """The original with the block in the middle and at the end."""
    with open(path, "rb") as file, open(original, "rb") as expected:
        block, length = BLOCK.encode(), os.path.getsize(original)
        for offset in range(0, length, files.PIECE_BYTES):
            piece = bytearray(expected.read(files.PIECE_BYTES))
            if offset <= middle < offset + len(piece):
                piece[middle - offset:middle - offset + len(block)] = block
            if file.read(len(piece)) != piece:
                raise AssertionError(f"{path}: wrong bytes after {offset}")
        if file.read() != block * appends:
            raise AssertionError(f"{path}: what was appended is not there")


def _commands(place, data, record):
    """What the zstd command takes for the same, in the same place."""
    start = time.perf_counter()
    place.run(["zstd", "-q", "-3", "-T0", data.big, "-o", f"{place.root}/command.zst"])
    processes.syncfs(place.root)
    record("zstd.write", time.perf_counter() - start)
    record("zstd.stored", os.path.getsize(f"{place.root}/command.zst"))
    data.warm(data.big_stored)
    record("zstd.read", place.time(["zstd", "-q", "-dc", data.big_stored]))
    start = time.perf_counter()
    place.run(["cp", data.big_stored, f"{place.root}/copy.zst"])
    processes.syncfs(place.root)
    record("copy.stored", time.perf_counter() - start)
