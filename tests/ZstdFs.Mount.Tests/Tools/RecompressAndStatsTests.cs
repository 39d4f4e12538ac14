using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary><c>recompress</c>, <c>stats</c> and <c>info</c>, and what every tool says to wrong words.</summary>
[TestFixture]
internal sealed class RecompressAndStatsTests
{
    private ToolFolder _folder = null!;

    [SetUp]
    public void MakeSource()
    {
        _folder = new ToolFolder();
        _folder.InTree(
            "mkdir sub; seq 1 300000 > log.txt; seq 1 9000 > sub/a.json; head -c 100000 /dev/urandom > noise.jpg; "
            + "setfattr -n user.c -v kept log.txt; touch -d @1500000000.25 log.txt");
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
    }

    [TearDown]
    public void RemoveSource() => _folder.Dispose();

    [Test]
    public void HigherLevel_IsSmallerWithTheSameContentAndNumber()
    {
        string before = _folder.InTree(
            "zstdcat log.txt.zst sub/a.json.zst noise.jpg.zst | sha256sum; stat -c %Y.%y log.txt.zst; "
            + "getfattr -n user.c --only-values log.txt.zst");
        long stored = long.Parse(_folder.InTree("stat -c %s log.txt.zst"), null);
        string inode = Inode();
        ShellResult result = ToolFolder.Require(0, $"recompress --level 15 '{_folder.Tree}'");
        Assert.That(result.Error, Does.Contain("1 not worth it"));
        Assert.That(
            _folder.InTree(
                "zstdcat log.txt.zst sub/a.json.zst noise.jpg.zst | sha256sum; stat -c %Y.%y log.txt.zst; "
                + "getfattr -n user.c --only-values log.txt.zst"),
            Is.EqualTo(before));
        Assert.That(long.Parse(_folder.InTree("stat -c %s log.txt.zst"), null), Is.LessThan(stored));
        Assert.That(Inode(), Is.EqualTo(inode));
        ShellResult again = ToolFolder.Require(0, $"recompress --level 15 '{_folder.Tree}'");
        Assert.That(again.Error, Does.Contain("recompressed 0 files:"), "what was tried is remembered");
        ToolFolder.Require(0, $"check --data '{_folder.Tree}'");
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(_folder.InTree("getfattr -d -m - log.txt"), Does.Contain("user.c").And.Not.Contain("zstdfs"));
    }

    /// <summary>What was looked at and left is no more ours than before.</summary>
    [Test]
    public void FoundFileThatIsLeft_IsNotDecodedOnTheWayBack()
    {
        _folder.InTree("rm -rf -- * && seq 1000000 | zstd -19 -q -o a.zst");
        string before = _folder.InTree("sha256sum a.zst");
        ToolFolder.Program($"recompress --level 1 '{_folder.Tree}'");
        ToolFolder.Program($"convert --revert '{_folder.Tree}'");
        Assert.That(_folder.InTree("ls; sha256sum a.zst"), Is.EqualTo("a.zst\n" + before));
    }

    [Test]
    public void Cold_LeavesWhatWasReadLately()
    {
        _folder.InTree("touch -a -d '40 days ago' log.txt.zst");
        ShellResult result = ToolFolder.Require(0, $"recompress --level 12 --cold 30d '{_folder.Tree}'");
        Assert.That(result.Error, Does.Contain("recompressed 1 files"));
    }

    [Test]
    public void AccessTimes_AreMovedByNoTool()
    {
        TestMachine.RequireMounts();
        string mount = Directory.CreateDirectory(Path.Combine(_folder.Path, "mount")).FullName;
        const string Age = "find . -type f ! -path './.zstdfs/*' -exec touch -a -d '40 days ago' {} +; ";
        const string Young = "find . -type f ! -path './.zstdfs/*' -atime -39";
        _folder.InTree(Age);
        // The second time nothing is worth it.
        foreach (string tool in new[]
        {
            "check --data", "stats", "recompress --level 15", "recompress --level 15", "check",
        })
        {
            ToolFolder.Require(0, $"{tool} '{_folder.Tree}'");
            Assert.That(_folder.InTree(Young), Is.Empty, tool);
        }
        ToolFolder.Require(0, $"info '{_folder.Tree}/log.txt.zst' '{_folder.Tree}/noise.jpg.zst'");
        ToolFolder.Require(0, $"mount '{_folder.Tree}' '{mount}'");
        ToolFolder.Require(0, $"info '{mount}/log.txt' '{mount}/noise.jpg'");
        Shell.Get($"echo more >> '{mount}/log.txt'; echo more >> '{mount}/noise.jpg'");
        ToolFolder.Require(0, $"sync '{mount}'");
        Shell.Get($"echo more >> '{mount}/log.txt'");
        ToolFolder.Require(0, $"unmount '{mount}'");
        Assert.That(_folder.InTree(Young), Is.Empty, "info, and writing through a mount");
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(_folder.InTree(Young), Is.Empty, "convert --revert");
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        Assert.That(_folder.InTree(Young), Is.Empty, "convert");
    }

    [Test]
    public void Foreign_BecomesSeekable()
    {
        _folder.InTree("seq 1 500000 > ../plain; zstd -q < ../plain > foreign.zst");
        ToolFolder.Require(0, $"recompress --level 3 --if-saves 0 --include foreign '{_folder.Tree}'");
        Assert.That(_folder.InTree("zstdcat foreign.zst | cmp - ../plain && echo same"), Is.EqualTo("same"));
        Assert.That(ToolFolder.Require(0, $"info '{_folder.Tree}/foreign.zst'").Output,
            Does.Contain("seek table  yes").And.Contain("of 512 KiB"));
    }

    [Test]
    public void Stats_AddUp()
    {
        long plain = long.Parse(_folder.InTree("zstdcat log.txt.zst sub/a.json.zst noise.jpg.zst | wc -c"), null);
        long stored = long.Parse(_folder.InTree("cat log.txt.zst sub/a.json.zst noise.jpg.zst | wc -c"), null);
        ShellResult json = ToolFolder.Require(0, $"stats --json '{_folder.Tree}'");
        Assert.That(json.Output, Does.Contain($"\"plainBytes\": {plain},\n    \"storedBytes\": {stored}"));
        ShellResult table = ToolFolder.Require(0, $"stats '{_folder.Tree}'");
        Assert.That(table.Output, Does.Match(@"\.jpg +1 ").And.Match("sub/ +1 ").And.Match(@"stored +3 "));
    }

    [Test]
    public void Stats_NameWhatCannotBeRead_AndFoldersAsUsersSeeThem()
    {
        using MountedFolder mounted = MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary });
        Shell.Get($"cd '{mounted.Mount}' && mkdir -p d.zst/e.zst closed.zst && echo a > d.zst/e.zst/f && "
            + "echo b > d.zst/g && chmod 0 d.zst/g", user: ShellUser.Ordinary);
        mounted.Unmount();
        Shell.Get($"cd '{mounted.Source}' && chmod 0 closed.zs%");
        ShellResult stats = mounted.Program("stats", "--depth", "2", mounted.Source);
        Shell.Get($"chmod 700 '{mounted.Source}/closed.zs%'");
        Assert.That(stats.ExitCode, Is.EqualTo(8), stats.ToString);
        Assert.That(stats.Output, Does.Match(@"(?m)^d\.zst/e\.zst/ +1 ").And.Not.Contain("%"));
        Assert.That(stats.Error, Is.EqualTo("zstdfs: 'd.zst/g' could not be read (EACCES)\n"
            + "zstdfs: 'closed.zst' could not be read (EACCES)\nzstdfs: 2 files or folders could not be read\n")
            .Or.EqualTo("zstdfs: 'closed.zst' could not be read (EACCES)\n"
            + "zstdfs: 'd.zst/g' could not be read (EACCES)\nzstdfs: 2 files or folders could not be read\n"));
    }

    [Test]
    public void Stats_OfAMount_ShowItsPlainSizes()
    {
        using MountedFolder mounted =
            MountedFolder.Create(prepare: source => Shell.Get($"cp -a '{_folder.Tree}/.' '{source}'"));
        long plain = long.Parse(_folder.InTree("zstdcat log.txt.zst sub/a.json.zst noise.jpg.zst | wc -c"), null);
        Assert.That(ToolFolder.Require(0, $"stats --json '{mounted.Mount}'").Output,
            Does.Contain($"\"plainBytes\": {plain}"));
        Assert.That(ToolFolder.Require(0, $"stats --json '{mounted.Source}'").Output,
            Does.Contain($"\"plainBytes\": {plain}"));
    }

    [Test]
    public void Info_OfAFileInAMount_IsThatOfItsStoredFile()
    {
        using MountedFolder mounted = MountedFolder.Create(prepare: source =>
            Shell.Get($"cp -a '{_folder.Tree}/.' '{source}'; mkdir '{source}/d'; touch '{source}/d/plain'"));
        string ofMount = ToolFolder.Require(0, $"info '{mounted.Mount}/sub/a.json'").Output,
            ofSource = ToolFolder.Require(0, $"info '{mounted.Source}/sub/a.json.zst'").Output;
        Assert.That(ofMount.Split('\n')[1..], Is.EqualTo(ofSource.Split('\n')[1..]));
        Assert.That(ofMount, Does.Contain("  level       about 3\n"));
        Assert.That(ofMount,
            Does.Contain($"  inode       {Shell.Get($"stat -c %i '{mounted.Mount}/sub/a.json'")} as users see it"));
    }

    [Test]
    public void Info_OfAMountOverItsSource_SaysThatTheSourceIsOutOfReach()
    {
        using MountedFolder mounted = MountedFolder.Create(new MountSetup { OverSource = true },
            source => Shell.Get($"cp -a '{_folder.Tree}/.' '{source}'"));
        Assert.That(ToolFolder.Require(3, $"info '{mounted.Mount}/log.txt'").Error,
            Does.Contain("cannot be reached").Or.Contain("can be reached from here"));
    }

    [TestCase(1), TestCase(9), TestCase(19)]
    public void Info_TellsAboutTheLevel(int level)
    {
        _folder.InTree(
            "for i in $(seq 1 20000); do echo \"$i line $((i * 7919 % 1000)) of a log\"; done > levels.txt; "
            + $"zstd -q -{level} levels.txt -o levels.zst");
        Assert.That(ToolFolder.Require(0, $"info '{_folder.Tree}/levels.zst'").Output,
            Does.Contain($"  level       about {level}\n"));
    }

    [TestCase("convert", 2, "FOLDER")]
    [TestCase("convert /nowhere", 3, "'/nowhere' does not exist")]
    [TestCase("convert /etc/passwd", 3, "is not a folder")]
    [TestCase("convert --level 40 /tmp", 2, "'--level'")]
    [TestCase("convert --on-conflict x /tmp", 2, "'--on-conflict'")]
    [TestCase("convert --min-size much /tmp", 2, "'--min-size'")]
    [TestCase("convert --limit-rate fast /tmp", 2, "'--limit-rate'")]
    [TestCase("convert --jobs 0 /tmp", 2, "'--jobs'")]
    [TestCase("convert --revert --dry-run /tmp", 2, "'--dry-run'")]
    [TestCase("convert --revert --min-size 1G /tmp", 2, "'--min-size'")]
    [TestCase("convert --min-size=-Infinity /tmp", 2, "'--min-size'")]
    [TestCase("convert --wait=-Infinity /tmp", 2, "'--wait'")]
    [TestCase("convert --frobnicate /tmp", 2, "'--frobnicate'")]
    [TestCase("convert /tmp /var", 2, "'/var'")]
    [TestCase("recompress /tmp", 2, "--level")]
    [TestCase("recompress --level 3 --cold soon /tmp", 2, "'--cold'")]
    [TestCase("recompress --level 3 --cold=-Infinityd /tmp", 2, "'--cold'")]
    [TestCase("recompress --level 3 --if-saves=-Infinity /tmp", 2, "'--if-saves'")]
    [TestCase("recompress --level 3 --if-saves lots /tmp", 2, "'--if-saves'")]
    [TestCase("stats", 2, "FOLDER")]
    [TestCase("stats --top many /tmp", 2, "'--top'")]
    [TestCase("stats /nowhere", 3, "'/nowhere'")]
    [TestCase("info", 2, "FILE")]
    [TestCase("info /nowhere.zst", 3, "does not exist")]
    [TestCase("info /etc/passwd", 3, "not a stored file")]
    public void WrongUse_IsOneLine(string words, int code, string named)
    {
        ShellResult result = ToolFolder.Require(code, words);
        Assert.That(result.Error, Does.StartWith("zstdfs: ").And.Contain(named));
        Assert.That(result.Error.TrimEnd('\n'), Does.Not.Contain("\n"));
        Assert.That(result.Output, Is.Empty);
    }

    [Test]
    public void Help_HasExamples([Values("convert", "check", "recompress", "stats", "info")] string command) =>
        Assert.That(ToolFolder.Require(0, $"{command} --help").Output, Does.Contain("Examples:\n  zstdfs "));

    private string Inode() =>
        ToolFolder.Require(0, $"info --json '{_folder.Tree}/log.txt.zst'").Output.Split("\"logicalInode\": ")[1]
            .Split(',')[0];
}
