"""A file of twice the size of its file system, which fits when it is compressed."""

import os

from .. import files
from ..processes import Failure

TARGETS = ("btrfs", "zstdfs", "zstdfs-user")
ROUNDS = 1


def run(place, data, record):
    path, repeat = os.path.join(place.root, "large"), data.size.large_bytes // data.size.big_bytes
    data.warm(data.big)
    try:
        closed = place.call(files.write, data.big, path, repeat)
        record("large.write.durable", closed + place.time_barrier())
        place.cold()
        place.call(files.require_same, path, data.big, repeat)
        record("large.whole", 1)
    except Failure as error:
        if "No space left" not in str(error):
            raise
        record("large.whole", 0)


def image_bytes(data):
    return data.size.small_disk_bytes
