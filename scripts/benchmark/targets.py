"""What is measured: a folder, and the mounts that show one."""

import os
import shlex
import shutil
import time

from .processes import ORDINARY, ROOT, Failure, run

UNMOUNT_LIMIT_S = 60


class Target:
    """Shows a source folder at a mount point. This one is the bare folder: both are the same."""

    is_mount = False
    file_system = "ext4"

    def __init__(self, name, user=ROOT):
        self.name, self.user = name, user

    def create(self, source):
        """Prepares an empty source."""

    def mount(self, source, mount_point, cached=True):
        """Returns when the mount serves. cached=False: attributes and names are asked for every time, where the target can."""

    def unmount(self, mount_point):
        """Returns when the daemon has ended."""

    def barrier(self, mount_point):
        """What the target itself has to do before its source is whole; the source's own syncfs follows."""


class Btrfs(Target):
    file_system = "btrfs"


class Mount(Target):
    """A daemon started with a command in which {source} and {mountpoint} stand for the folders."""

    is_mount = True

    def __init__(self, name, command, user=ROOT, uncached=None):
        super().__init__(name, user)
        self.command, self.uncached = command, uncached

    def mount(self, source, mount_point, cached=True):
        if not cached and self.uncached is None:
            raise Unsupported()
        command = (self.command if cached else self.uncached).format(source=shlex.quote(source), mountpoint=shlex.quote(mount_point))
        run(["sh", "-c", command], self.user)
        wait_for(lambda: is_mounted(mount_point), f"{self.name} does not show its mount")

    def unmount(self, mount_point):
        pids = daemons(mount_point)
        run(["umount", mount_point])
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), f"the daemon of {self.name} does not end")


class Gocryptfs(Mount):
    PASSWORD = "-extpass 'echo measured'"

    def __init__(self):
        command = f"gocryptfs -q {self.PASSWORD} {{source}} {{mountpoint}}"
        super().__init__("gocryptfs", command)

    def create(self, source):
        run(["sh", "-c", f"gocryptfs -q -init -scryptn 10 {self.PASSWORD} {shlex.quote(source)}"])


class ZstdFs(Mount):
    def __init__(self, name, program, user):
        command = f"{shlex.quote(program)} mount {{source}} {{mountpoint}}"
        super().__init__(name, command, user, command + " -o cache_timeout=0")
        self.program = program

    def unmount(self, mount_point):
        run([self.program, "unmount", mount_point], self.user)

    def barrier(self, mount_point):
        run([self.program, "sync", mount_point], self.user)


class Unsupported(Exception):
    """The target cannot do what is to be measured: the table has no figure there."""


def known(program):
    """The targets of this machine, in the table's order; program is zstdfs."""
    targets = [
        Target("bare"),
        Btrfs("btrfs"),
        Mount("bindfs", "bindfs {source} {mountpoint}", uncached="bindfs -o attr_timeout=0,entry_timeout=0 {source} {mountpoint}"),
        Gocryptfs(),
        ZstdFs("zstdfs", program, ROOT),
        ZstdFs("zstdfs-user", program, ORDINARY),
    ]
    if shutil.which("passthrough_hp"):  # an example of libfuse's that no package holds
        command = "passthrough_hp {source} {mountpoint}"
        targets.insert(3, Mount("passthrough_hp", command, uncached=command + " --nocache"))
    return targets


def is_mounted(mount_point):
    """Asks the kernel's table: a user's mount answers nobody else, root included."""
    word = os.fsencode(mount_point)
    with open("/proc/self/mountinfo", "rb") as file:
        return any(line.split()[4] == word for line in file)


def daemons(mount_point):
    """The processes that were started with this mount point among their words."""
    word, found = os.fsencode(mount_point), []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if word in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:  # it has ended meanwhile
            continue
    return found


def wait_for(condition, otherwise):
    end = time.monotonic() + UNMOUNT_LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{otherwise} within {UNMOUNT_LIMIT_S} s")
        time.sleep(0.002)
