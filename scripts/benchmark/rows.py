"""What the figures are called, how they are shown, and what is to be reached."""


class Row:
    """One figure. limit(figures) tells what zstdfs has to reach, or None where another figure that it takes is missing."""

    def __init__(self, words, unit="s", goal="", limit=None, at_least=False, combine="median"):
        self.words, self.unit, self.goal, self.limit, self.at_least, self.combine = words, unit, goal, limit, at_least, combine

    def text(self, value):
        if self.unit == "s":
            if value < 0.001:
                return f"{value * 1e6:.1f} µs"
            return f"{value * 1e3:.2f} ms" if value < 0.1 else f"{value:.2f} s"
        if self.unit == "bytes":
            return f"{value / 2**20:.1f} MiB"
        if self.unit == "percent":
            return f"{value * 100:.2f} %"
        if self.unit == "yes":
            return "yes" if value >= 1 else "no"
        return f"{value:.2f}"


def _times(factor, target, row):
    def limit(figures):
        value = figures.get((target, row))
        return None if value is None else factor * value
    return limit


def _least(*limits):
    def limit(figures):
        values = [value for value in (one(figures) for one in limits) if value is not None]
        return min(values, default=None)
    return limit


def _at_most(value):
    return lambda figures: value


def _bare(words, factor, row):
    return Row(words, goal=f"≤ {factor} × bare", limit=_times(factor, "bare", row))


ALL = {
    "start": Row("mount command, until the mount answers", goal="≤ 120 ms", limit=_at_most(0.12)),
    "big.write": _bare("write 512 MiB of text, until close", 1.2, "big.write"),
    "big.write.durable": Row("… until everything is stored and durable", goal="≤ 1.15 × zstd -T0 -3 and sync; ≤ btrfs",
                             limit=_least(_times(1.15, "bare", "zstd.write"), _times(1, "btrfs", "big.write.durable"))),
    "zstd.write": Row("(zstd -T0 -3 of the same, and sync)"),
    "big.first": Row("first 4 KiB of it, cold", goal="≤ 2 ms", limit=_at_most(0.002)),
    "big.random": Row("random 4 KiB, cold, each", goal="≤ 1.5 × btrfs", limit=_times(1.5, "btrfs", "big.random")),
    "big.read.cold": Row("read 512 MiB, cold", goal="≤ btrfs", limit=_times(1, "btrfs", "big.read.cold")),
    "big.read.warm": Row("… warm", goal="≤ 1.5 × btrfs", limit=_times(1.5, "btrfs", "big.read.warm")),
    "append.one": Row("append 4 KiB: open, write, close", goal="≤ 0.3 ms", limit=_at_most(0.0003)),
    "append.all": Row("1,000 of them, then durable", goal="≤ 2 s", limit=_at_most(2)),
    "overwrite": Row("overwrite 4 KiB in the middle, until close", goal="≤ 0.5 ms", limit=_at_most(0.0005)),
    "overwrite.durable": Row("… until durable", goal="≤ copy of the .zst, and sync", limit=_times(1, "bare", "copy.stored")),
    "copy.stored": Row("(copy of the .zst, and sync)"),
    "untar": _bare("untar 10,000 files, until tar ends", 2.5, "untar"),
    "untar.durable": _bare("… until durable", 3, "untar.durable"),
    "tree.walk.cold": _bare("stat of every file of the tree, cold", 1.5, "tree.walk.cold"),
    "tree.walk.warm": _bare("… warm", 1.2, "tree.walk.warm"),
    "tree.read.cold": _bare("read every file of the tree, cold", 1.5, "tree.read.cold"),
    "tree.read.warm": _bare("… warm", 2.5, "tree.read.warm"),
    "tree.grep": _bare("grep -r", 3, "tree.grep"),
    "tree.copy": _bare("cp -r", 3, "tree.copy"),
    "tree.remove": _bare("rm -rf", 3, "tree.remove"),
    "git.clone": _bare("git clone", 3, "git.clone"),
    "git.status": _bare("git status", 3, "git.status"),
    "git.status.again": _bare("… again, with its index settled", 3, "git.status.again"),
    "sqlite": _bare("SQLite: 300 WAL transactions, full sync", 2, "sqlite"),
    "neighbours": Row("8 readers and 4 writers at once, 32 MiB each"),
    "neighbours.growth": Row("… throughput against one at a time", "times", goal="> 1", limit=_at_most(1), at_least=True),
    "neighbours.longest": Row("… the longest that one call took"),
    "stat": Row("stat, caches of names and attributes off", goal="≤ passthrough_hp", limit=_times(1, "passthrough_hp", "stat")),
    "zstd.stored": Row("(512 MiB of text, by zstd -3)", "bytes"),
    "big.stored": Row("512 MiB of text, on disk", "bytes", goal="≤ 1.08 × zstd -3; < btrfs",
                      limit=_least(_times(1.08, "bare", "zstd.stored"), _times(1, "btrfs", "big.stored"))),
    "tree.stored": Row("the tree, on disk", "bytes", goal="< btrfs", limit=_times(1, "btrfs", "tree.stored")),
    "zstd.read": Row("(zstd -dc of the .zst)"),
    "foreign.first": Row("single-frame .zst of 512 MiB: first 4 KiB, cold", goal="≤ 5 ms", limit=_at_most(0.005)),
    "foreign.read": Row("… read whole, cold", goal="≤ 1.3 × zstd -dc", limit=_times(1.3, "bare", "zstd.read")),
    "random.write.durable": Row("write 1 GiB of random data, until durable", goal="≤ text on zstdfs", limit=_times(1, "zstdfs", "text.write.durable")),
    "text.write.durable": Row("write 1 GiB of text, until durable"),
    "random.overhead": Row("random data: more on disk than was written", "percent", goal="≤ 0.1 %", limit=_at_most(0.001)),
    "random.read.cold": Row("read 1 GiB of random data, cold", goal="≤ 1.25 × text on zstdfs", limit=_times(1.25, "zstdfs", "text.read.cold")),
    "text.read.cold": Row("read 1 GiB of text, cold"),
    "large.whole": Row("4 GiB onto a file system of 2 GiB", "yes", goal="yes", limit=_at_most(1), at_least=True),
    "large.write.durable": Row("… until durable"),
    "memory": Row("largest resident set of the daemon", "bytes", goal="≤ 128 MiB", limit=_at_most(128 << 20), combine="max"),
}
