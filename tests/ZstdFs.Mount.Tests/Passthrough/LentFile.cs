using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Passthrough;

/// <summary>What the scripts of these tests begin with: a file that the kernel serves by itself, because it was closed, is not committed yet, and nobody else has it open.</summary>
internal static class LentFile
{
    /// <summary>Python; needs PROGRAM, MOUNT and SOURCE.</summary>
    internal static string Script(MountedFolder folder) => $$"""
        import errno, json, mmap, os, random, signal, subprocess, sys, time
        PROGRAM, MOUNT, SOURCE = "{{TestMachine.Program(ShellUser.Same)}}", "{{folder.Mount}}", "{{folder.Source}}"
        os.chdir(MOUNT)

        def status(): return json.loads(subprocess.run([PROGRAM, "status", "--json", MOUNT], stdout=subprocess.PIPE).stdout)
        def is_lent(name): return any(f["path"] == name and f["served_by_kernel"] for f in status()["files"])
        def sync(): subprocess.run([PROGRAM, "sync", MOUNT], check=True)
        def stored(name="f"): return subprocess.run(["zstd", "-qdc", f"{SOURCE}/{name}.zst"], stdout=subprocess.PIPE, check=True).stdout
        def working(): return os.listdir(SOURCE + "/.zstdfs/working")

        def write_whole(name, content, synced=True):
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            assert os.write(fd, content) == len(content)
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
            end = time.time() + seconds
            while not what():
                assert time.time() < end, "it does not come"
                time.sleep(0.05)

        def refused(code, call, *arguments):
            try: call(*arguments)
            except OSError as e: assert e.errno == code, e
            else: raise AssertionError("it is not refused")

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
