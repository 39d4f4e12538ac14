using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Names;

/// <summary>What somebody has open, while another one renames and removes it.</summary>
[CancelAfter(120_000)]
internal sealed class OpenBesideRenameTests
{
    [TestCase("folder")]
    [TestCase("plain")]
    public void Stat_IsAnsweredBesideRenames(string kind)
    {
        using var mounted = Mount();
        Assert.That(mounted.Shell($$"""
            python3 - <<'END'
            import os, time
            {{Make(kind)}}
            fd = os.open("d", os.O_RDONLY)
            child = os.fork()
            if child == 0:
                end = time.time() + 4
                while time.time() < end: os.rename("d", "e"); os.rename("e", "d")
                os._exit(0)
            faults = set()
            while os.waitpid(child, os.WNOHANG)[0] == 0:
                try: os.fstat(fd)
                except OSError as e: faults.add(os.strerror(e.errno))
            print(faults or "none")
            END
            """), Is.EqualTo("none\n"));
    }

    [TestCase("folder")]
    [TestCase("plain")]
    public void Stat_IsAnsweredBesideRemovals(string kind)
    {
        using var mounted = Mount();
        Assert.That(mounted.Shell($$"""
            python3 - <<'END'
            import os, threading, time
            faults = set(); end = time.time() + 4
            while time.time() < end:
                {{Make(kind)}}
                fd = os.open("d", os.O_RDONLY)
                child = os.posix_spawn("/bin/rm", ["rm", "-rf", "d"], {})
                while os.waitpid(child, os.WNOHANG)[0] == 0:
                    try: os.fstat(fd)
                    except OSError as e: faults.add(os.strerror(e.errno))
                os.close(fd)
            print(faults or "none")
            END
            """), Is.EqualTo("none\n"));
    }

    // The name in the mount may be remembered as free: the new file is looked up.
    private static string Make(string kind) =>
        kind == "folder" ? "os.mkdir('d')" : "open(os.environ['SRC'] + '/d', 'w').close()";

    // Each stat(2) asks the mount.
    private static MountedSource Mount() =>
        new(new FileSystemOptions { PlainFiles = PlainFiles.Show, CacheTimeout = TimeSpan.Zero });
}
