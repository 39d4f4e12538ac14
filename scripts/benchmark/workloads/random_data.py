"""As much random data as text, written and read: nothing is won by compressing it, and nothing must be lost."""

import os

from .. import files

TARGETS = ("bare", "btrfs", "zstdfs", "zstdfs-user")
ROUNDS = 3


def run(place, data, record):
    repeat = data.size.random_bytes // data.size.big_bytes
    for kind, original, count in (("random", data.random, 1), ("text", data.big, repeat)):
        path = os.path.join(place.root, kind)
        data.warm(original)
        before = place.disk_bytes()
        closed = place.call(files.write, original, path, count)
        record(f"{kind}.write.durable", closed + place.time_barrier())
        if kind == "random":
            record("random.overhead", (place.disk_bytes() - before) / data.size.random_bytes - 1)
        place.cold()
        record(f"{kind}.read.cold", place.call(files.read, path))
        place.call(files.require_same, path, original, count)
        place.call(os.unlink, path)
        place.barrier()
