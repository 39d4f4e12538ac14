"""What is written and read: made once, kept between runs."""

import glob
import os
import random
import shutil
import tarfile

from .processes import Failure, run

_MIB = 1 << 20


class Size:
    """How much of everything."""

    def __init__(self, big_bytes, tree_files, random_bytes, image_bytes, inodes, large_bytes, small_disk_bytes, appends, transactions):
        self.big_bytes, self.tree_files, self.random_bytes = big_bytes, tree_files, random_bytes
        self.image_bytes, self.inodes = image_bytes, inodes
        self.large_bytes, self.small_disk_bytes = large_bytes, small_disk_bytes
        self.appends, self.transactions = appends, transactions


FULL = Size(512 * _MIB, 10_000, 1024 * _MIB, 16 << 30, 400_000, 4 << 30, 2 << 30, 1000, 300)
QUICK = Size(8 * _MIB, 100, 8 * _MIB, 1 << 30, 20_000, 192 * _MIB, 96 * _MIB, 50, 20)

# Of the kernel's sources: code of many sizes, about 10,700 files.
_TREE = ("fs", "include", "ipc", "kernel", "lib", "mm", "net")

_GENERATED = "/asic_reg/"  # a quarter of all text, register numbers that compress 30:1: what people have is not like that


class Data:
    """Paths of the inputs. Everybody may read them."""

    def __init__(self, folder, size, checkout):
        self.folder, self.size = folder, size
        self.big = os.path.join(folder, "big.txt")             # text, size.big_bytes
        self.big_stored = os.path.join(folder, "big.txt.zst")  # by zstd -3: one frame
        self.random = os.path.join(folder, "random")           # incompressible, size.random_bytes
        self.tree = os.path.join(folder, "tree")               # size.tree_files files
        self.archive = os.path.join(folder, "tree.tar")
        self.repository = os.path.join(folder, "tree.git")     # bare, one pack
        self.git_settings = os.path.join(folder, "gitconfig")  # others than its owner may clone it
        if not os.path.exists(os.path.join(folder, "complete")):
            self._make(checkout)

    @property
    def git_environment(self):
        return {"GIT_CONFIG_GLOBAL": self.git_settings, "HOME": "/nonexistent"}

    def warm(self, *paths):
        """Has the inputs in memory, so that nobody waits for their disk."""
        run(["cat", *paths])

    def _make(self, checkout):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        members = self._checkout(checkout) if self.size is QUICK else self._linux_sources()
        self._write(members)
        run(["tar", "--format=posix", "--sort=name", "--owner=0", "--group=0", "-cf", self.archive, "-C", self.folder, "tree"])
        run(["zstd", "-q", "-3", "-T0", self.big, "-o", self.big_stored])
        generator = random.Random(4)
        with open(self.random, "wb") as file:
            for _ in range(self.size.random_bytes // _MIB):
                file.write(generator.randbytes(_MIB))
        self._make_repository()
        with open(os.path.join(self.folder, "complete"), "wb"):
            pass

    @staticmethod
    def _linux_sources():
        archives = sorted(glob.glob("/usr/src/linux-source-*.tar.xz"))
        if not archives:
            raise Failure("the data is made of Debian's package linux-source-6.1, which is not installed")
        with tarfile.open(archives[-1], "r|xz") as archive:
            for member in archive:
                if member.isfile():
                    yield member.name.partition("/")[2], archive.extractfile(member).read()

    @staticmethod
    def _checkout(checkout):
        for part in ("src", "tests"):
            for folder, folders, files in os.walk(os.path.join(checkout, part)):
                folders[:] = sorted(set(folders) - {"bin", "obj"})
                for name in sorted(files):
                    path = os.path.join(folder, name)
                    with open(path, "rb") as file:
                        yield os.path.relpath(path, checkout), file.read()

    def _write(self, members):
        quick, taken, left = self.size is QUICK, 0, self.size.big_bytes
        with open(self.big, "wb") as big:
            texts = []
            for name, content in members:
                if (quick or name.startswith(tuple(part + "/" for part in _TREE))) and taken < self.size.tree_files:
                    path = os.path.join(self.tree, name)
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "wb") as file:
                        file.write(content)
                    taken += 1
                if quick:
                    texts.append(content)
                elif left > 0 and name.endswith((".c", ".h", ".S")) and _GENERATED not in name:
                    left -= big.write(content[:left])
            while quick and left > 0:
                for content in texts:
                    left -= big.write(content[:left])
        if taken < self.size.tree_files or left > 0:
            raise Failure(f"the sources hold less than is needed: {taken} files for the tree, and {left} bytes of text are missing")

    def _make_repository(self):
        work = self.tree + ".work"
        shutil.copytree(self.tree, work, symlinks=True)
        with open(self.git_settings, "w", encoding="utf-8") as file:
            file.write("[safe]\n\tdirectory = *\n[user]\n\tname = bench\n\temail = bench@localhost\n[gc]\n\tauto = 0\n")
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "tree"]):
            run(["git", *words], folder=work, environment=self.git_environment)
        run(["git", "clone", "-q", "--bare", "--no-hardlinks", work, self.repository], environment=self.git_environment)
        run(["git", "-C", self.repository, "repack", "-adq"], environment=self.git_environment)
        shutil.rmtree(work)
