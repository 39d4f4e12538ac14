"""File systems of their own for every measurement: a fresh sparse image on a loop device."""

import os

from .processes import run

# A fresh sparse file holds zeros: the inode tables need no writing, and no kernel thread writes them later, while something is measured.
MAKE_EXT4 = ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,assume_storage_prezeroed=1"]
MAKE_BTRFS = ["mkfs.btrfs", "-q", "-f"]


class Image:
    """A mounted file system in a sparse file, from construction to close()."""

    def __init__(self, folder, size_bytes, make, options="loop"):
        self.file = os.path.join(folder, "image")
        self.root = os.path.join(folder, "root")
        os.makedirs(self.root, exist_ok=True)
        with open(self.file, "wb") as file:
            file.truncate(size_bytes)
        run([*make, self.file])
        self._options = options
        self._mount()

    @classmethod
    def ext4(cls, folder, size_bytes, inodes):
        return cls(folder, size_bytes, [*MAKE_EXT4, "-N", str(inodes)])

    @classmethod
    def btrfs(cls, folder, size_bytes):
        return cls(folder, size_bytes, MAKE_BTRFS, "compress=zstd:3")

    def remount(self):
        """Writes everything back and forgets what the file system had in memory."""
        run(["umount", self.root])
        self._mount()

    def close(self):
        if os.path.ismount(self.root):
            run(["umount", self.root])
        os.rmdir(self.root)
        os.unlink(self.file)

    def _mount(self):
        run(["mount", "-o", self._options, self.file, self.root])
