using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Source;

/// <summary>
/// A file with several names of which another program takes one away in the source, or puts another file under it: the
/// file is found under the others, and no call reaches the other file.
/// </summary>
[CancelAfter(120_000)]
internal sealed class LinksInTheSourceTests
{
    private MountedFolder _folder = null!;

    [SetUp]
    public void Mount()
    {
        _folder = MountedFolder.Create(prepare: source =>
            Shell.Get($"cd '{source}'; seq 100 | zstd -q > f.zst; ln f.zst g.zst"));
        // Both orders of the names that the mount knows are met: the last that was seen comes first.
        Shell.Get($"cd '{_folder.Mount}'; stat f g f > /dev/null");
    }

    [TearDown]
    public void Unmount() => _folder?.Dispose();

    [TestCase("rm f.zst")]
    [TestCase("seq 7 | zstd -q > t; mv t f.zst")]
    [TestCase("mv f.zst ../elsewhere.zst")]
    public void OtherName_ServesEveryCall(string change)
    {
        InSource(change);
        Thread.Sleep(1_200);
        InMount(
            "cmp g <(seq 100); setfattr -n user.a -v 1 g; chmod 600 g; [ $(getfattr --only-values -n user.a g) = 1 ]; "
            + "touch -d 2001-01-01 g");
        InMount("[ $(stat -c %a,%Y g) = 600,$(date -d 2001-01-01 +%s) ]; echo more >> g; cmp g <(seq 100; echo more)");
        if (change.Contains("mv t", StringComparison.Ordinal))
            InMount("cmp f <(seq 7); [ $(stat -c %a f) != 600 ]; ! getfattr -n user.a f 2> /dev/null");
        _folder.Remount();
        InMount("cmp g <(seq 100; echo more)");
        Assert.That(Directory.Exists($"{_folder.Source}/.zstdfs/lost"), Is.False);
    }

    /// <summary>The mount has looked no name up since.</summary>
    [TestCase("rm f.zst")]
    [TestCase("seq 7 | zstd -q > t; mv t f.zst")]
    public void ContentThatWaits_IsCommittedUnderTheOtherName(string change)
    {
        InMount("stat g f > /dev/null; exec 3<> g; echo patched >&3; "
            + $"(cd '{_folder.Source}'; {change}); echo again >&3; sync -d g || true; exec 3>&-");
        _folder.Unmount();
        InSource("zstd -qdc g.zst | head -2 | cmp - <(echo patched; echo again)");
        Assert.That(Directory.Exists($"{_folder.Source}/.zstdfs/lost"), Is.False, () => _folder.Log);
    }

    /// <summary>Long before the kernel would look the names up again by itself.</summary>
    [Test]
    public void ReplacedName_IsOpenedAsWhatItIsAtOnce([Values("f", "g")] string seenLast)
    {
        _folder.Dispose();
        _folder = MountedFolder.Create(
            new MountSetup { Options = ["--cache-timeout=60"] },
            source => Shell.Get($"cd '{source}'; seq 100 | zstd -q > f.zst; ln f.zst g.zst"));
        // A daemon that has just begun looks names up by itself, and forgets those that a file has lost.
        InMount($"sleep 2; stat f g {seenLast} > /dev/null");
        InSource("seq 7 | zstd -q > t; mv t f.zst");
        InMount(
            "cmp f <(seq 7); cmp g <(seq 100); echo x >> f; echo y >> g; cmp f <(seq 7; echo x); cmp g <(seq 100; "
            + "echo y)");
        InMount("truncate -s 0 f; cmp g <(seq 100; echo y); chmod 600 f; [ $(stat -c %a g) = 644 ]");
        InSource("rm g.zst");
        Assert.That(Shell.Run($"cat '{_folder.Mount}/g'").Error, Does.Contain("No such file"));
    }

    /// <summary>A snapshot of hard links outside of the source makes every file one with several links.</summary>
    [Test]
    public void RenamedInTheSource_TheNewNameIsRead()
    {
        InSource("rm g.zst; ln f.zst ../snapshot.zst; mv f.zst h.zst");
        Thread.Sleep(1_200);
        InMount("cmp h <(seq 100); chmod 600 h; echo more >> h; cmp h <(seq 100; echo more)");
    }

    private void InSource(string script) => Shell.Get($"set -e; cd '{_folder.Source}'; {script}");

    private void InMount(string script) => Shell.Get($"set -e; cd '{_folder.Mount}'; {script}");
}
