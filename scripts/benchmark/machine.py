"""What the figures were measured on."""

import os
import platform
import subprocess


def describe(work_folder, checkout):
    """Name to words, in the order in which a reader wants them."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} logical CPUs",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "kernel": platform.release(),
        "virtual machine": _answer(["systemd-detect-virt", "--vm"]) or "unknown",
        "file system below the images": _answer(["findmnt", "-no", "FSTYPE,SOURCE,OPTIONS", "-T", work_folder]),
        "zstd": _answer(["zstd", "--version"]),
        "commit": _answer(["git", "-c", "safe.directory=*", "-C", checkout, "describe", "--always", "--dirty", "--tags"]),
    }


def _processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _answer(command):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return " ".join(done.stdout.split())
