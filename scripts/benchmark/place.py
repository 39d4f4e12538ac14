"""Where one workload runs on one target, once: a fresh file system, a fresh source, a mount."""

import os
import shutil
import tempfile
import time

from . import processes
from .images import Image
from .targets import daemons, is_mounted, wait_for


class Place:
    """A target, mounted. A context manager: leaves nothing behind, whatever ends it."""

    def __init__(self, target, work_folder, size_bytes, inodes, cached=True):
        self.target, self.cached = target, cached
        self.size_bytes, self.inodes = size_bytes, inodes
        self.work_folder = work_folder
        self.memory_bytes = 0
        self._undo = []

    def __enter__(self):
        try:
            with processes.uninterrupted():
                self._make_image()
            self.source = os.path.join(self.image.root, "source")
            self._make_folder(self.source)
            self.root = self.source
            self.target.create(self.source)
            if self.target.is_mount:
                self.root = os.path.join(self.folder, "mount")
                self._make_folder(self.root)
                self._undo.append(lambda: os.rmdir(self.root))
                self._undo.append(self.unmount)
                self.mount()
            return self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Takes everything back, newest first, and goes on past what does not work; the first error counts."""
        first = None
        with processes.uninterrupted():
            while self._undo:
                try:
                    self._undo.pop()()
                except (OSError, processes.Failure) as error:
                    first = first or error
        if first:
            raise first

    def mount(self):
        """Seconds from the start of the command to the first answer of the mount."""
        start = time.perf_counter()
        self.target.mount(self.source, self.root, self.cached)
        self.call(os.listdir, self.root)
        return time.perf_counter() - start

    def unmount(self):
        if not self.target.is_mount:
            return
        # A mount command that was interrupted may have left a daemon that is about to mount.
        wait_for(lambda: is_mounted(self.root) or not daemons(self.root), f"{self.target.name} neither mounts nor ends")
        if not is_mounted(self.root):
            return
        self.note_memory()
        self.target.unmount(self.root)

    def note_memory(self):
        """Keeps the largest resident set that the target's daemon ever had."""
        for pid in daemons(self.root):
            try:
                with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                    peak = next((line.split()[1] for line in file if line.startswith("VmHWM:")), 0)
            except OSError:
                continue
            self.memory_bytes = max(self.memory_bytes, int(peak) * 1024)

    def barrier(self):
        """Returns when everything that was written here is durable."""
        self.target.barrier(self.root)
        processes.syncfs(self.source)

    def cold(self):
        """Nothing of what is here is in anybody's memory."""
        self.barrier()
        self.unmount()
        if self.target.is_mount:
            self.mount()
        else:
            self.image.remount()
        processes.drop_caches()

    def new_folder(self, name):
        path = os.path.join(self.root, name)
        self.call(os.mkdir, path)
        return path

    def run(self, command, **options):
        return processes.run(command, self.target.user, **options)

    def call(self, function, *arguments):
        return processes.call(function, *arguments, user=self.target.user)

    def time(self, command, **options):
        """Seconds that the program takes."""
        start = time.perf_counter()
        self.run(command, **options)
        return time.perf_counter() - start

    def time_barrier(self):
        start = time.perf_counter()
        self.barrier()
        return time.perf_counter() - start

    def put_in_source(self, file, name):
        """Copies a file beside the mount's back."""
        path = os.path.join(self.source, name)
        shutil.copyfile(file, path)
        os.chown(path, self.target.user.uid, self.target.user.gid)

    def disk_bytes(self):
        """What the source's content takes on its disk."""
        self.barrier()
        if self.target.file_system == "btrfs":  # st_blocks knows nothing of its compression
            state = os.statvfs(self.source)
            return (state.f_blocks - state.f_bfree) * state.f_frsize
        lines = processes.run(["du", "-s", "--block-size=1", self.source], output=-1)
        return int(lines.split()[0])

    def _make_image(self):
        self.folder = tempfile.mkdtemp(prefix="zstdfs-bench-", dir=self.work_folder)
        self._undo.append(lambda: os.rmdir(self.folder))
        os.chmod(self.folder, 0o755)
        if self.target.file_system == "btrfs":
            self.image = Image.btrfs(self.folder, self.size_bytes)
        else:
            self.image = Image.ext4(self.folder, self.size_bytes, self.inodes)
        self._undo.append(self.image.close)

    def _make_folder(self, path):
        os.mkdir(path)
        os.chown(path, self.target.user.uid, self.target.user.gid)
