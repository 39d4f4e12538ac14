using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Mounting;

/// <summary>The mount's own look at its first file leaves nothing behind.</summary>
internal sealed class FirstVisitTests
{
    // Some, so that a descriptor kept at each visit is told from one that the process opened by itself.
    private const int Visits = 200;

    [TestCase(":")]
    [TestCase("echo content | zstd -q > file.zst")]
    [TestCase("seq 1000000 | zstd -q > file.zst")]
    [TestCase("mkdir folder; ln -s nowhere link.zst; mkfifo pipe; echo plain > plain")]
    [TestCase("mkdir folder; echo this is no frame > damaged.zst")]
    [TestCase("echo plain > first", PlainFiles.Show)]
    public void Visit_LeavesNothing_AndSaysNothing(string prepare, PlainFiles plain = PlainFiles.Ignore)
    {
        using var source = new MountedSource(new FileSystemOptions { PlainFiles = plain }, prepare);
        source.Visit();
        string before = source.Shell(
            "ls -l --time-style=full-iso $SRC; ls -l --time-style=full-iso; "
            + "stat -c '%n %X %Z' $SRC $SRC/* 2>/dev/null || true");
        int said = source.Log.Count, open = Descriptors();
        for (int i = 0; i < Visits; i++)
            source.Visit();
        Assert.Multiple(() =>
        {
            Assert.That(Descriptors(), Is.LessThan(open + Visits / 2));
            Assert.That(source.Log, Has.Count.EqualTo(said), string.Join('\n', source.Log));
            Assert.That(
                source.Shell(
                    "ls -l --time-style=full-iso $SRC; ls -l --time-style=full-iso; "
                    + "stat -c '%n %X %Z' $SRC $SRC/* 2>/dev/null || true"),
                Is.EqualTo(before));
        });
        source.Remount();
    }

    private static int Descriptors() => Directory.GetFiles("/proc/self/fd").Length;
}
