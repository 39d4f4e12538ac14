using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Passthrough;

/// <summary>
/// What the scripts of these tests begin with: a file that the kernel serves by itself, because it was closed, is not
/// committed yet, and nobody else has it open.
/// </summary>
internal static class LentFile
{
    /// <summary>Python; needs PROGRAM, MOUNT and SOURCE.</summary>
    internal static string Script(MountedFolder folder) => $$"""
        import ctypes, errno, json, mmap, os, random, select, signal, subprocess, sys, time
        PROGRAM, MOUNT, SOURCE = "{{TestMachine.Program(ShellUser.Same)}}", "{{folder.Mount}}", "{{folder.Source}}"
        os.chdir(MOUNT)

        def status():
            return json.loads(subprocess.run([PROGRAM, "status", "--json", MOUNT], stdout=subprocess.PIPE).stdout)
        def is_lent(name): return any(f["path"] == name and f["served_by_kernel"] for f in status()["files"])
        def sync(): subprocess.run([PROGRAM, "sync", MOUNT], check=True)
        def stored(name="f"):
            return subprocess.run(["zstd", "-qdc", f"{SOURCE}/{name}.zst"], stdout=subprocess.PIPE, check=True).stdout
        def working(): return os.listdir(SOURCE + "/.zstdfs/working")

        def write_whole(name, content, synced=True):
            fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            assert os.write(fd, content) == len(content)
            # The kernel keeps these pages.
            assert os.pread(fd, len(content), 0) == content
            if synced: os.fsync(fd)
            os.close(fd)

        def lend(content, flags=os.O_RDWR, name="f", synced=True):
            # Of a file that was committed just now the next commit waits for a second.
            for attempt in range(20):
                for i in range(2): write_whole(name, content, synced)
                fd = os.open(name, flags)
                if is_lent(name): return fd
                os.close(fd)
                time.sleep(0.2)
            raise AssertionError("the kernel never serves it")

        def wait_for(what, seconds=30):
            end = time.time() + 4 * seconds  # for a loaded machine
            while not what():
                assert time.time() < end, "it does not come"
                time.sleep(0.05)

        def kill_daemon():
            # Until its last thread has ended it has the source, and the kernel still sends it requests, which its end
            # aborts: they fail in another way than later ones.
            daemon = os.pidfd_open(status()["daemon"])
            signal.pidfd_send_signal(daemon, signal.SIGKILL)
            assert select.select([daemon], [], [], 120)[0], "it does not end"
            os.close(daemon)
            refused(errno.ENOTCONN, os.statvfs, MOUNT)

        def refused(code, call, *arguments):
            try: call(*arguments)
            except OSError as e: assert e.errno == code, e
            else: raise AssertionError("it is not refused")

        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        libc.msync.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

        class Mapping:
            "As C has it: mmap.mmap keeps a descriptor of its own open."
            def __init__(self, fd):
                self.size = os.fstat(fd).st_size
                self.address = libc.mmap(None, self.size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
                assert self.address not in (None, ctypes.c_void_p(-1).value)
                self.content = (ctypes.c_char * self.size).from_address(self.address)
            def __len__(self): return self.size
            def __getitem__(self, at): return self.content[at]
            def __setitem__(self, at, what): self.content[at] = what
            def __bytes__(self): return self.content[:]
            def flush(self): assert libc.msync(self.address, self.size, 4) == 0
            def close(self): assert libc.munmap(self.address, self.size) == 0

        CONTENT = random.Random(1).randbytes(600_000) + b"text " * 300_000

        """;

    /// <summary>Runs a script after <see cref="Script"/>.</summary>
    internal static string Run(MountedFolder folder, string script, TimeSpan? limit = null)
    {
        string file = Path.Combine(Path.GetDirectoryName(folder.Source)!, "lent.py");
        File.WriteAllText(file, Script(folder) + script);
        return Shell.Get($"exec python3 '{file}'", limit ?? TimeSpan.FromSeconds(120));
    }
}
