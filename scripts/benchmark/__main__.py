"""The command line: see scripts/bench --help."""

import argparse
import os
import signal
import sys

from . import data, machine, results, targets, workloads
from .place import Place
from .processes import Failure


def main():
    options = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if os.getuid() != 0:
        raise Failure("measuring needs root: it makes file systems and drops the machine's caches")
    chosen = _choose_targets(options)
    size = data.QUICK if options.quick else data.FULL
    say("making the data" if options.quick else "making the data, where it is not there yet (minutes)")
    inputs = data.Data(os.path.join(options.work, "zstdfs-bench-inputs" + ("-quick" if options.quick else "")), size, options.checkout)
    described = machine.describe(options.work, options.checkout)
    if options.quick:
        described["data"] = "little (--quick): the table's names of sizes and counts do not hold, and the figures say nothing of speed"
    found = results.Results(described, [target.name for target in chosen])
    if options.add and os.path.exists(options.json):
        with open(options.json, encoding="utf-8") as file:
            found.load(file.read())
    try:
        for name in options.only or workloads.ALL:
            _measure(name, workloads.ALL[name], chosen, inputs, options, found)
    except KeyboardInterrupt:
        say("interrupted: what follows is what was measured")
    print(found.table())
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(found.to_json())


def _measure(name, workload, chosen, inputs, options, found):
    wanted = [target for target in chosen if target.name in getattr(workload, "TARGETS", [target.name]) or target.name in options.added]
    for number in range(min(options.rounds, getattr(workload, "ROUNDS", options.rounds))):
        turn = number % max(len(wanted), 1)  # nobody is always the first
        for target in wanted[turn:] + wanted[:turn]:
            say(f"{name}, round {number + 1}: {target.name}")
            image_bytes = workload.image_bytes(inputs) if hasattr(workload, "image_bytes") else inputs.size.image_bytes
            place = Place(target, options.work, image_bytes, inputs.size.inodes, getattr(workload, "CACHED", True))
            try:
                with place:
                    workload.run(place, inputs, lambda row, value, target=target: found.add(target.name, row, value))
            except targets.Unsupported:
                continue
            if place.memory_bytes:
                found.add(target.name, "memory", place.memory_bytes)


def _choose_targets(options):
    known = targets.known(options.zstdfs)
    options.added = []
    for text in options.mount:
        name, _, command = text.partition("=")
        if not name or "{mountpoint}" not in command:
            raise Failure(f"--mount takes NAME='command {{source}} {{mountpoint}}', not {text!r}")
        known.append(targets.Mount(name, command))
        options.added.append(name)
    names = [target.name for target in known]
    wanted = options.targets.split(",") + options.added if options.targets else names
    if unknown := set(wanted) - set(names):
        raise Failure(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return [target for target in known if target.name in wanted]


def _parse():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures zstdfs against a bare folder and against other mounts, checks the bytes each time, and "
                                     "prints medians, their ratios to the bare folder, and what is to be reached.")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often everything is measured, the targets taking turns (5)")
    parser.add_argument("--only", nargs="+", choices=list(workloads.ALL), metavar="WORKLOAD", help="of " + ", ".join(workloads.ALL))
    parser.add_argument("--targets", metavar="NAME,…", help="of bare, btrfs, bindfs, gocryptfs, zstdfs, zstdfs-user, and passthrough_hp where it is in PATH (all)")
    parser.add_argument("--mount", action="append", default=[], metavar="NAME='CMD {source} {mountpoint}'", help="one more target; the command returns when it serves")
    parser.add_argument("--quick", action="store_true", help="little data, made of this checkout: shows that everything works, not how fast")
    parser.add_argument("--work", default="/var/tmp", metavar="DIR", help="where data and file system images are kept: 20 GiB (/var/tmp)")
    parser.add_argument("--json", metavar="FILE", help="every figure of every round")
    parser.add_argument("--add", action="store_true", help="keep the figures of the runs before that FILE holds, so that a long measurement can be made in pieces")
    parser.add_argument("--zstdfs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--checkout", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds takes a number from 1 on")
    if options.add and not options.json:
        parser.error("--add needs --json FILE")
    options.work = os.path.realpath(options.work)
    return options


def say(words):
    print(f"bench: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        say(failure)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
