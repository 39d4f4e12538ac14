"""Runs programs and functions in processes of their own, as the user whom a target is measured for."""

import contextlib
import ctypes
import json
import os
import pwd
import signal
import subprocess
import sys
import traceback

_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """Something that a person has to see to; the message is all that is shown."""


class User:
    """Whom a program runs as. None of its privileges are left to an ordinary user."""

    def __init__(self, name):
        entry = pwd.getpwnam(name)
        self.uid, self.gid = entry.pw_uid, entry.pw_gid

    @property
    def options(self):
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.uid != os.getuid() else {}

    def become(self):
        if self.uid != os.getuid():
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)


ROOT = User("root")
ORDINARY = User("nobody")


def run(command, user=ROOT, output=subprocess.DEVNULL, folder="/", limit_s=600, environment=None):
    """Runs a program that must succeed. Returns what it wrote where output is PIPE."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, cwd=folder, timeout=limit_s,
            env={**os.environ, **(environment or {})}, check=False, **user.options)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"took longer than {limit_s} s: {' '.join(map(os.fsdecode, command))}") from error
    if done.returncode != 0:
        words = " ".join(map(os.fsdecode, command))
        raise Failure(f"exit status {done.returncode}: {words}\n{os.fsdecode(done.stderr).strip()}")
    return done.stdout


def call(function, *arguments, user=ROOT):
    """Calls function in a forked process, as that user, and returns its answer, which has to be one that JSON can carry."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            _answer(writer, function, arguments, user)
        finally:  # whatever happens, even that nobody reads the answer any more: what the parent made is not this process's to take back
            os._exit(0)
    os.close(writer)
    try:
        with os.fdopen(reader) as pipe:
            text = pipe.read()
    finally:
        os.waitpid(child, 0)
    answer = json.loads(text) if text else {"error": "the process ended without an answer"}
    if "error" in answer:
        raise Failure(f"{function.__name__} failed:\n{answer['error']}")
    return answer["value"]


def _answer(writer, function, arguments, user):
    try:
        user.become()
        answer = {"value": function(*arguments)}
    except BaseException:  # the parent shows it
        answer = {"error": traceback.format_exc()}
    with os.fdopen(writer, "w") as pipe:
        json.dump(answer, pipe)


@contextlib.contextmanager
def uninterrupted():
    """Ctrl-C and SIGTERM count when this is over: what is made here is taken back by somebody, and what is taken back here is taken back whole."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def syncfs(folder):
    """Makes the file system that holds folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), folder)
    finally:
        os.close(descriptor)


def drop_caches():
    """Page cache, dentries and inodes of the whole machine, after everything dirty went to the disks."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")
