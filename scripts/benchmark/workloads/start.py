"""From the mount command to the first answer, and what one request costs."""

from .. import files

STARTS = 3
STATS = 5000


def run(place, data, record):
    if not place.target.is_mount:
        return
    for _ in range(STARTS):
        place.unmount()
        record("start", place.mount())


class RoundTrip:
    """stat, asked every time."""

    CACHED = False

    @staticmethod
    def run(place, data, record):
        place.call(files.write, data.git_settings, f"{place.root}/file")
        place.call(files.stat_rate, f"{place.root}/file", STATS)
        record("stat", place.call(files.stat_rate, f"{place.root}/file", STATS))
