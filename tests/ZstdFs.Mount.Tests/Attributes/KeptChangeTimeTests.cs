using ZstdFs.Mount.Tests.Harness;
using ZstdFs.Mount.Tests.Tools;

namespace ZstdFs.Mount.Tests.Attributes;

/// <summary>
/// ctime, and a folder's mtime and ctime, over what is no change by a user: a kill, the tools, conversion beside the
/// mount. What is done in the source moves them.
/// </summary>
[TestFixture("ext4")]
[TestFixture("btrfs")]
[TestFixture("xfs")]
[TestFixture("tmpfs")]
internal sealed class KeptChangeTimeTests(string type)
{
    private const string Looks = "find . -path ./.zstdfs -prune -o -printf '%p %T@ %C@\\n' | sort";

    private string _parent = "";

    [SetUp]
    public void MakeParent() => _parent =
        Directory.CreateDirectory(Path.Combine(SharedImages.Root(type), Guid.NewGuid().ToString("n")[..8])).FullName;

    [TearDown]
    public void RemoveParent() => Shell.Run($"rm -rf --one-file-system -- '{_parent}'");

    private MountSetup Setup(params string[] options) => new() { SourceParent = _parent, Options = options };

    [Test]
    public void KilledDaemon_LeavesTheTimesOfWhatWasClosed()
    {
        using MountedFolder folder = MountedFolder.Create(Setup());
        In(folder,
            "mkdir d && echo small > d/small && seq 500000 > d/large && seq 300000 > d/linked && "
            + "ln d/linked d/link && touch d/empty && sync d/large");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        In(folder,
            "echo more >> d/large && echo more >> d/linked && head -c 9000000 /dev/urandom > d/new && "
            + "echo x > d/small2 && chmod 600 d/new");
        string before = Look(folder);
        folder.Crash();
        folder.Start();
        Assert.That(Look(folder), Is.EqualTo(before), "after the kill");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        Assert.That(Look(folder), Is.EqualTo(before), "after the commits");
        folder.Crash();
        folder.Start();
        Assert.That(Look(folder), Is.EqualTo(before), "after another kill");
        folder.Unmount();
    }

    /// <summary>It makes a folder in the source, of which users see nothing.</summary>
    [Test]
    public void FirstMount_MovesNoTimeOfTheRoot()
    {
        using MountedFolder folder = MountedFolder.Prepared(Setup());
        Shell.Get($"cd '{folder.Source}' && echo content | zstd -q > f.zst && touch -d @1234567890.5 .");
        string before = Shell.Get($"stat -c '%.9Y %.9Z' '{folder.Source}'");
        folder.Start();
        Assert.That(Shell.Get($"stat -c '%.9Y %.9Z' '{folder.Mount}'"), Is.EqualTo(before));
        Assert.That(Shell.Get($"stat -c %.9Y '{folder.Source}'"), Is.EqualTo("1234567890.500000000"));
        In(folder, "echo more >> f");
        folder.Remount();
        Assert.That(Shell.Get($"stat -c '%.9Y %.9Z' '{folder.Mount}'"), Is.EqualTo(before), "after a remount");
        In(folder, "touch new");
        Assert.That(Shell.Get($"stat -c '%.9Y %.9Z' '{folder.Mount}'"), Is.Not.EqualTo(before), "a new name");
        folder.Unmount();
    }

    [TestCase("chmod 600 small.zst", "small")]
    [TestCase("touch -d @1000000000 small.zst", "small")]
    [TestCase("setfattr -n user.x -v $RANDOM small.zst", "small")]
    [TestCase("seq 5 | zstd -q -c > small.zst", "small")]
    [TestCase("chmod 600 large.zst", "large")]
    [TestCase("setfattr -n user.x -v $RANDOM large.zst", "large")]
    [TestCase("touch other$RANDOM", ".")]
    public void ChangeBehindTheMountsBack_MovesTheTime(string change, string name)
    {
        using MountedFolder folder = MountedFolder.Create(Setup());
        In(folder, "seq 500000 > large");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        // At once, that is within the window that the record of the small file's commit has.
        string times = In(folder,
            $"echo a > small && stat --cached=never -c %.9Z {name} && (cd '{folder.Source}' && {change}) && "
            + $"stat --cached=never -c %.9Z {name}");
        string[] lines = times.Split('\n');
        Assert.That(lines[1], Is.Not.EqualTo(lines[0]));
        string after = Look(folder);
        folder.Remount();
        Assert.That(Look(folder), Is.EqualTo(after));
        string last = In(folder,
            $"stat -c %.9Z {name} && (cd '{folder.Source}' && {change}) && stat --cached=never -c %.9Z {name}");
        Assert.That(last.Split('\n')[1], Is.Not.EqualTo(last.Split('\n')[0]));
        folder.Unmount();
    }

    /// <summary>The change comes in the window of the commit's record, and a user looks when that is over.</summary>
    [Test]
    public void ChangeBehindAnOpenFile_KeepsItsTime()
    {
        using MountedFolder folder = MountedFolder.Create(Setup());
        string after = In(folder, $"""
            echo a > small; exec 3< small
            python3 -c 'import os, time
            with open("small", "a") as f: f.write("b")
            os.setxattr("{folder.Source}/small.zst", "user.x", b"1"); time.sleep(0.2)'
            stat --cached=never -c %.9Z small
            """);
        folder.Remount();
        Assert.That(In(folder, "stat -c %.9Z small"), Is.EqualTo(after));
        folder.Unmount();
    }

    [Test]
    public void FileFoundInTheSource_KeepsItsTimeWhenItGetsARecord()
    {
        string stored = "";
        // Before the mount, which looks at a file of the root by itself.
        using MountedFolder folder = MountedFolder.Create(Setup(), source => stored = Shell.Get(
            $"cd '{source}' && mkdir d && seq 9999 | zstd -q > d/f.zst && echo x | zstd -q > g.zst && "
            + "stat -c %.9Z d/f.zst g.zst"));
        // The second look is at the records that the first has written.
        Assert.That(In(folder, "stat -c %.9Z d/f g"), Is.EqualTo(stored));
        Assert.That(In(folder, "cat d/f g > /dev/null; stat --cached=never -c %.9Z d/f g"), Is.EqualTo(stored));
        folder.Remount();
        Assert.That(In(folder, "stat -c %.9Z d/f g"), Is.EqualTo(stored));
        folder.Unmount();
    }

    [Test]
    public void Recompression_MovesNoTime()
    {
        using MountedFolder folder = MountedFolder.Create(Setup());
        In(folder,
            "mkdir -p d/e && for i in $(seq 20); do seq $((i * 3000)) > d/e/f$i; done; seq 900000 > large; "
            + "head -c 100000 /dev/urandom > noise; chmod 700 d/e");
        string before = Look(folder);
        folder.Unmount();
        ToolFolder.Require(0, $"recompress '{folder.Source}' --level=19");
        folder.Start();
        Assert.That(Look(folder), Is.EqualTo(before));
        folder.Unmount();
        ToolFolder.Require(0, $"check --data --repair '{folder.Source}'");
        folder.Start();
        Assert.That(Look(folder), Is.EqualTo(before), "after a check");
        folder.Unmount();
    }

    [Test]
    public void Conversion_MovesNoTime()
    {
        using MountedFolder folder = MountedFolder.Prepared(Setup());
        Shell.Get(
            $"cd '{folder.Source}' && mkdir -p d/e && for i in $(seq 20); do seq $((i * 300)) > d/e/f$i; done; "
            + "seq 900000 > large; ln large d/link; : > empty; mkdir large.zst d/e/f1.zst; seq 9 > large.zst/in; "
            + "touch -d @1000000000 d large large.zst");
        string before = Shell.Get($"cd '{folder.Source}' && {Looks}");
        ToolFolder.Require(0, $"convert '{folder.Source}'");
        folder.Start();
        Assert.That(Look(folder), Is.EqualTo(before));
        folder.Unmount();
    }

    [Test]
    public void ConversionBesideTheMount_MovesNoTime()
    {
        using MountedFolder folder = MountedFolder.Create(Setup("--plain=convert"),
            source => Shell.Get(
                $"cd '{source}' && mkdir -p d/e && for i in $(seq 20); do seq $((i * 300)) > d/e/f$i; done; "
                + "seq 900000 > large; : > empty; touch -d @1000000000 d large d/e/*"));
        string before = Look(folder);
        Assert.That(
            Waiting.For(() => Shell.Run($"ls '{folder.Source}'/d/e/f20.zst '{folder.Source}'/d/e/f1.zst "
                + $"'{folder.Source}'/large.zst").ExitCode == 0),
            Is.True, () => folder.Log);
        Assert.That(Look(folder), Is.EqualTo(before));
        folder.Remount();
        Assert.That(Look(folder), Is.EqualTo(before));
        folder.Unmount();
    }

    private static string Look(MountedFolder folder) =>
        In(folder, $"find . -exec stat --cached=never -c '%n' {{}} + > /dev/null; {Looks}");

    private static string In(MountedFolder folder, string script) =>
        Shell.Get($"set -e; cd '{folder.Mount}'; {script}");
}
