"""A tree of small files: unpacked, walked, read, searched, copied, removed; and a git checkout of the same."""

import os
import subprocess
import time

WORD = "interface"


def run(place, data, record):
    data.warm(data.archive)
    before = place.disk_bytes()
    folder = place.new_folder("unpacked")
    ended = place.time(["tar", "-xf", data.archive, "-C", folder])
    record("untar", ended)
    record("untar.durable", ended + place.time_barrier())
    record("tree.stored", place.disk_bytes() - before)
    tree = os.path.join(folder, "tree")

    _measure_walks(place, data, tree, record)
    place.cold()
    read = ["sh", "-c", 'find "$0" -type f -print0 | xargs -0 cat', tree]
    record("tree.read.cold", place.time(read))
    place.run(["diff", "-r", "--no-dereference", data.tree, tree])
    record("tree.read.warm", place.time(read))
    start = time.perf_counter()
    found = place.run(["grep", "-rlF", WORD, tree], output=subprocess.PIPE)
    record("tree.grep", time.perf_counter() - start)
    expected = subprocess.run(["grep", "-rlF", WORD, data.tree], stdout=subprocess.PIPE, check=False).stdout
    if _below(found, tree) != _below(expected, data.tree):
        raise AssertionError("grep found other files")

    copy = os.path.join(folder, "copy")
    record("tree.copy", place.time(["cp", "-r", tree, copy]))
    place.barrier()
    place.run(["diff", "-r", "--no-dereference", data.tree, copy])
    record("tree.remove", place.time(["rm", "-rf", copy]))
    if place.call(os.path.lexists, copy):
        raise AssertionError(f"{copy} is still there")
    place.barrier()
    _measure_git(place, data, record)


def _measure_walks(place, data, tree, record):
    # The size is asked of every file; what the walk prints is checked.
    def walk(folder):
        return ["find", folder, "-type", "f", "-printf", "%s %P\n"]

    expected = sorted(subprocess.run(walk(data.tree), stdout=subprocess.PIPE, check=True).stdout.splitlines())
    place.cold()
    for row in ("tree.walk.cold", "tree.walk.warm"):
        start = time.perf_counter()
        lines = place.run(walk(tree), output=subprocess.PIPE)
        record(row, time.perf_counter() - start)
        if sorted(lines.splitlines()) != expected:
            raise AssertionError(f"{tree} lists other files or sizes")


def _below(lines, folder):
    """Paths, without the folder that they are in."""
    return sorted(line.removeprefix(os.fsencode(folder)) for line in lines.splitlines())


def _measure_git(place, data, record):
    data.warm(*(os.path.join(folder, name) for folder, _, names in os.walk(data.repository) for name in names))
    clone = os.path.join(place.root, "clone")
    record("git.clone", place.time(["git", "clone", "-q", "--no-hardlinks", data.repository, clone], environment=data.git_environment))
    place.barrier()
    # The first one reads what was written in the second of git's index; the faster the clone, the more. It settles the index for the next.
    for row in ("git.status", "git.status.again"):
        start = time.perf_counter()
        status = place.run(["git", "-C", clone, "status", "--porcelain"], environment=data.git_environment, output=subprocess.PIPE)
        record(row, time.perf_counter() - start)
        if status:
            raise AssertionError("git sees changes after the clone: " + os.fsdecode(status[:200]))
    place.run(["git", "-C", clone, "fsck", "--no-progress"], environment=data.git_environment)
