"""A big file that the zstd command compressed: one frame, no seek table."""

import os

from .. import files

TARGETS = ("zstdfs", "zstdfs-user")


def run(place, data, record):
    place.put_in_source(data.big_stored, "foreign.txt.zst")
    path = os.path.join(place.root, "foreign.txt")
    place.cold()
    record("foreign.first", place.call(files.first_block, path))
    place.cold()
    record("foreign.read", place.call(files.read, path))
    place.call(files.require_same, path, data.big)
