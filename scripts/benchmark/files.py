"""System calls on one file, measured in the process that makes them."""

import mmap
import os
import random
import time

PIECE_BYTES = 1 << 20
BLOCK_BYTES = 4096


def write(source, path, repeat=1):
    """Writes what source holds, repeat times over, in pieces of 1 MiB. Seconds from open until close has returned."""
    with open(source, "rb") as file, mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE | mmap.MAP_POPULATE, prot=mmap.PROT_READ) as content:
        view = memoryview(content)
        try:
            start = time.perf_counter()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            for _ in range(repeat):
                for offset in range(0, len(view), PIECE_BYTES):
                    write_all(descriptor, view[offset:offset + PIECE_BYTES])
            os.close(descriptor)
            return time.perf_counter() - start
        finally:
            view.release()


def write_all(descriptor, piece):
    """As often as it takes: write may take less than it is given."""
    written = 0
    while written < len(piece):
        written += os.write(descriptor, piece[written:])


def read(path):
    """Reads everything, front to back, in pieces of 1 MiB. Seconds."""
    buffer = bytearray(PIECE_BYTES)
    start = time.perf_counter()
    descriptor = os.open(path, os.O_RDONLY)
    while os.readv(descriptor, [buffer]) > 0:
        pass
    os.close(descriptor)
    return time.perf_counter() - start


def first_block(path):
    """Opens, reads 4 KiB, closes. Seconds."""
    start = time.perf_counter()
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, BLOCK_BYTES)
    os.close(descriptor)
    return time.perf_counter() - start


def random_blocks(path, original, count):
    """Reads 4 KiB at count places, never near one that was read. Seconds of one, on average."""
    stride = os.path.getsize(original) // count
    places = [(i * stride + random.Random(i).randrange(stride)) & -BLOCK_BYTES for i in range(count)]
    random.Random(4).shuffle(places)
    total, blocks = 0.0, []
    descriptor = os.open(path, os.O_RDONLY)
    for place in places:
        start = time.perf_counter()
        blocks.append(os.pread(descriptor, BLOCK_BYTES, place))
        total += time.perf_counter() - start
    os.close(descriptor)
    with open(original, "rb") as file:
        for place, block in zip(places, blocks):
            file.seek(place)
            if file.read(BLOCK_BYTES) != block:
                raise AssertionError(f"wrong bytes at {place} of {path}")
    return total / count


def append(path, block, count):
    """Opens, appends, closes, count times. Seconds of each."""
    return [_open_write_close(path, block, None) for _ in range(count)]


def overwrite(path, block, offset):
    """Opens, overwrites, closes. Seconds."""
    return _open_write_close(path, block, offset)


def _open_write_close(path, text, offset):
    block = text.encode()
    start = time.perf_counter()
    descriptor = os.open(path, os.O_WRONLY | (os.O_APPEND if offset is None else 0))
    written = os.write(descriptor, block) if offset is None else os.pwrite(descriptor, block, offset)
    os.close(descriptor)
    seconds = time.perf_counter() - start
    if written != len(block):
        raise AssertionError(f"{path}: {written} bytes written instead of {len(block)}")
    return seconds


def stat_rate(path, count):
    """Seconds of one stat."""
    start = time.perf_counter()
    for _ in range(count):
        os.stat(path)
    return (time.perf_counter() - start) / count


def require_same(path, original, repeat=1):
    """Fails unless path holds what original holds, repeat times over."""
    with open(path, "rb") as file:
        for _ in range(repeat):
            with open(original, "rb") as expected:
                while piece := expected.read(PIECE_BYTES):
                    if file.read(len(piece)) != piece:
                        raise AssertionError(f"{path}: wrong bytes below {file.tell()}")
        if file.read(1):
            raise AssertionError(f"{path} is too long")
