using ZstdFs.Mount.Tests.Harness;
using ZstdFs.Mount.Tests.Tools;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>Access times move as relatime has it, and the change time stays.</summary>
internal sealed class AccessTimeTests
{
    private const string Make =
        "for f in f g; do seq 1000 | zstd -q -1 > $f.zst; done; seq 9 > plain; touch -a -d '40 days ago' *";

    private static MountedFolder Mounted(params string[] options) => Mounted(0, options);

    private static MountedFolder Mounted(int cacheTimeout, params string[] options) =>
        MountedFolder.Create(new MountSetup { Options = [$"--cache-timeout={cacheTimeout}", .. options] },
            static source => Shell.Get($"cd '{source}' && {Make}"));

    [Test]
    public void Reading_MovesItOnce_AndNothingElse()
    {
        using MountedFolder folder = Mounted();
        const string Others = "stat -c '%Y %Z %i %s' f";
        string before = Bash(folder, $"stat -c %X f > /dev/null; {Others}");
        Assert.That(Age(folder, "f"), Is.GreaterThan(86400), "looking moves nothing");
        Bash(folder, "cat f > /dev/null");
        Assert.That(Age(folder, "f"), Is.LessThan(3600));
        Assert.That(Bash(folder, Others), Is.EqualTo(before));
        string moved = Bash(folder, "stat -c %.9X f");
        Bash(folder, "cat f > /dev/null; cat f > /dev/null");
        Assert.That(Bash(folder, "stat -c %.9X f"), Is.EqualTo(moved), "relatime");
        Assert.That(Shell.Get($"stat -c %.9X '{folder.Source}/f.zst'"), Is.EqualTo(moved));
        Assert.That(Age(folder, "g"), Is.GreaterThan(86400));
        folder.Remount();
        Assert.That(Bash(folder, "stat -c %.9X f"), Is.EqualTo(moved));
        folder.Unmount();
    }

    /// <summary>The kernel answers the second reader from the pages that it kept: no READ tells of it.</summary>
    [Test]
    public void ReadingFromThePageCache_MovesItToo([Values(0, 60)] int cacheTimeout)
    {
        using MountedFolder folder = Mounted(cacheTimeout);
        Bash(folder, "cat f > /dev/null; touch -a -d '40 days ago' f; cat f > /dev/null");
        Assert.That(Age(folder, "f"), Is.LessThan(3600));
        folder.Unmount();
    }

    [Test]
    public void ReadingAfterAWrite_MovesIt_AndACommitKeepsIt()
    {
        using MountedFolder folder = Mounted();
        Bash(folder, "cat f > /dev/null; seq 2000 > f; touch -a -d '40 days ago' f; cat f > /dev/null");
        folder.Program("sync", folder.Mount);
        Assert.That(Age(folder, "f"), Is.LessThan(3600));
        Bash(folder, "echo more >> f");
        folder.Program("sync", folder.Mount);
        Assert.That(Age(folder, "f"), Is.LessThan(3600));
        folder.Unmount();
    }

    /// <summary>The stored file has the times of its last commit. Users see others.</summary>
    [TestCase(10)]
    [TestCase(3_000_000)]
    public void RelatimeGoesByTheTimesThatUsersSee(int bytes)
    {
        TestMachine.RequireRoot("moving an access time that the stored file's times do not call due");
        using MountedFolder folder = Mounted();
        Bash(folder, $"""
            python3 - '{TestMachine.Program(ShellUser.Same)}' <<'END'
            import os, subprocess, sys, time
            def look():
                s = os.stat("f"); return s.st_atime_ns, max(s.st_mtime_ns, s.st_ctime_ns)
            def read():
                time.sleep(0.02) # a tick of the clock
                fd = os.open("f", os.O_RDONLY); os.read(fd, 1); os.close(fd)
                return look()
            def write(fd):
                time.sleep(0.02)
                os.pwrite(fd, b"x" * {bytes}, 0)
            writer = os.open("f", os.O_RDWR)
            write(writer)
            first, changed = read()
            assert first > changed, (first, changed)
            assert read()[0] == first, "it is later than the content"
            write(writer)
            changed = look()[1]
            assert look()[0] == first < changed, (look(), first)
            second = read()[0]
            assert second > changed, (second - first, changed - first)
            time.sleep(0.02)
            subprocess.run([sys.argv[1], "sync", "."], check=True)
            assert look() == (second, changed), (look(), second, changed)
            assert read()[0] == second, "a commit is no change"
            END
            """);
        folder.Unmount();
    }

    [Test]
    public void PlainFile_MovesToo()
    {
        using MountedFolder folder = Mounted("--plain=show");
        Bash(folder, "cat plain > /dev/null");
        Assert.That(Age(folder, "plain"), Is.LessThan(3600));
        folder.Unmount();
    }

    /// <summary>With attributes that the kernel keeps it must be told: it answers the read by itself.</summary>
    [Test]
    public void Strict_EachReadMovesIt([Values(0, 60)] int cacheTimeout)
    {
        TestMachine.RequireRoot("strictatime");
        using MountedFolder folder = Mounted(cacheTimeout, "--plain=show", "-o", "strictatime");
        foreach (string file in new[] { "f", "plain" })
        {
            string change = Bash(folder, $"stat -c %.9Z {file}"), last = "";
            for (int i = 0; i < 3; i++)
            {
                Bash(folder, $"sleep 0.02; cat {file} > /dev/null");
                string now = Bash(folder, $"stat -c %.9X {file}");
                Assert.That(now, Is.Not.EqualTo(last), file);
                last = now;
            }
            Assert.That(Bash(folder, $"stat -c %.9Z {file}"), Is.EqualTo(change));
        }
        Assert.That(Age(folder, "g"), Is.GreaterThan(86400), "what the daemon reads for itself moves nothing");
        folder.Unmount();
    }

    [Test]
    public void StrictForAnOrdinaryUser_SaysThatItIsNot()
    {
        using MountedFolder folder =
            MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary, Options = ["-o", "strictatime"] });
        Assert.That(folder.Log, Does.Contain("strictatime needs root's rights"));
        folder.Unmount();
    }

    [TestCase("-o", "noatime")]
    [TestCase("-o", "ro")]
    public void MountThatMovesNone_MovesNone(params string[] options)
    {
        using MountedFolder folder = Mounted(options);
        Bash(folder, "cat f > /dev/null; cat f > /dev/null");
        Assert.That(Age(folder, "f"), Is.GreaterThan(86400));
        folder.Unmount();
    }

    [Test]
    public void DescriptorWithNoAtime_MovesNothing_AndNeitherDoesTheDaemon()
    {
        using MountedFolder folder = Mounted();
        Bash(folder,
            "python3 -c 'import os; os.read(os.open(\"f\", os.O_RDONLY | os.O_NOATIME), 100)'; echo more >> f; "
            + "truncate -s 5000 g");
        folder.Program("sync", folder.Mount);
        Assert.That(Age(folder, "f"), Is.GreaterThan(86400));
        Assert.That(Age(folder, "g"), Is.GreaterThan(86400));
        folder.Unmount();
        ToolFolder.Require(0, $"check --data '{folder.Source}'");
        Assert.That(long.Parse(Shell.Get($"echo $(( $(date +%s) - $(stat -c %X '{folder.Source}/g.zst') ))"), null),
            Is.GreaterThan(86400));
    }

    [Test]
    public void RecompressCold_LeavesWhatWasReadThroughTheMount()
    {
        using MountedFolder folder = Mounted();
        Bash(folder, "cat f > /dev/null");
        folder.Unmount();
        string StoredFile(string name) => Shell.Get($"stat -c %i '{folder.Source}/{name}.zst'");
        string warm = StoredFile("f"), cold = StoredFile("g");
        ToolFolder.Require(0, $"recompress --level 19 --cold 30d --if-saves 0 '{folder.Source}'");
        Assert.That(StoredFile("f"), Is.EqualTo(warm));
        Assert.That(StoredFile("g"), Is.Not.EqualTo(cold));
    }

    private static string Bash(MountedFolder folder, string script) =>
        Shell.Get($"set -e; cd '{folder.Mount}'; {script}");

    private static long Age(MountedFolder folder, string name) =>
        long.Parse(Bash(folder, $"echo $(( $(date +%s) - $(stat -c %X {name}) ))"), null);
}
