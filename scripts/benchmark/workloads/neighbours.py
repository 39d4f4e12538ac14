"""Eight readers and four writers at once, each on a file of its own: what all of them take, and the longest that one call took."""

import os
import threading
import time

from .. import files

READERS, WRITERS = 8, 4


def run(place, data, record):
    part = data.size.big_bytes // 16
    place.call(_write_parts, data.big, place.root, part)
    place.cold()
    data.warm(data.big)
    single, everybody = place.call(_at_once, data.big, place.root, part)
    record("neighbours", everybody["seconds"])
    record("neighbours.longest", everybody["longest"])
    record("neighbours.growth", (READERS + WRITERS) / 2 * single / everybody["seconds"])
    place.cold()
    place.call(_require_same, data.big, place.root, part)


def _part(file, number, length):
    return os.pread(file, length, number % 16 * length)


def _write_parts(original, folder, length):
    descriptor = os.open(original, os.O_RDONLY)
    for number in range(READERS + 1):
        with open(f"{folder}/read-{number}", "wb") as file:
            file.write(_part(descriptor, number, length))
    os.close(descriptor)


def _at_once(original, folder, length):
    """Seconds of one reader and one writer by themselves, one after the other; then of all of them at once."""
    descriptor = os.open(original, os.O_RDONLY)
    contents = [_part(descriptor, number, length) for number in range(WRITERS + 1)]
    os.close(descriptor)
    alone = _run([lambda longest: _read(f"{folder}/read-{READERS}", longest)])["seconds"]
    alone += _run([lambda longest: _write(f"{folder}/write-{WRITERS}", contents[WRITERS], longest)])["seconds"]
    work = [lambda longest, n=number: _read(f"{folder}/read-{n}", longest) for number in range(READERS)]
    work += [lambda longest, n=number: _write(f"{folder}/write-{n}", contents[n], longest) for number in range(WRITERS)]
    return alone, _run(work)


def _run(work):
    longest, failures = [], []

    def guarded(action):
        try:
            action(longest)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in work]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if failures:
        raise failures[0]
    return {"seconds": seconds, "longest": max(longest)}


def _read(path, longest):
    slowest, buffer = 0.0, bytearray(128 << 10)
    descriptor = os.open(path, os.O_RDONLY)
    while True:
        start = time.perf_counter()
        count = os.readv(descriptor, [buffer])
        slowest = max(slowest, time.perf_counter() - start)
        if count == 0:
            break
    os.close(descriptor)
    longest.append(slowest)


def _write(path, content, longest):
    slowest, view = 0.0, memoryview(content)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    for offset in range(0, len(view), 128 << 10):
        start = time.perf_counter()
        os.write(descriptor, view[offset:offset + (128 << 10)])
        slowest = max(slowest, time.perf_counter() - start)
    start = time.perf_counter()
    os.close(descriptor)
    longest.append(max(slowest, time.perf_counter() - start))


def _require_same(original, folder, length):
    descriptor = os.open(original, os.O_RDONLY)
    for prefix, count in (("read", READERS), ("write", WRITERS)):
        for number in range(count):
            with open(f"{folder}/{prefix}-{number}", "rb") as file:
                if file.read() != _part(descriptor, number, length):
                    raise AssertionError(f"{folder}/{prefix}-{number} holds wrong bytes")
    os.close(descriptor)
