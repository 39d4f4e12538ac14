using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>Every wrong use is one line that names the thing, the right exit code, and nothing changed.</summary>
[TestFixture]
internal sealed class WrongUseTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolders()
    {
        _folder = TestMachine.CreateFolder();
        Shell.Get($"cd '{_folder}' && mkdir -p source/inner mount full && touch file full/something "
            + "&& mkfifo pipe && chmod 777 mount");
    }

    [TearDown]
    public void RemoveFolders()
    {
        MountCleanup.Remove(Path.Combine(_folder, "mount"), null);
        Shell.Get($"rm -rf --one-file-system -- '{_folder}'"); // names that are not UTF-8 included
    }

    [TestCase("", 2, "no command")]
    [TestCase("frobnicate", 2, "'frobnicate'")]
    [TestCase("mount", 2, "SOURCE")]
    [TestCase("mount source", 2, "MOUNTPOINT")]
    [TestCase("mount source mount more", 2, "'more'")]
    [TestCase("mount --nope source mount", 2, "'--nope'")]
    [TestCase("mount --level 23 source mount", 2, "'--level'")]
    [TestCase("mount --level x source mount", 2, "'--level'")]
    [TestCase("mount --frame-size 96K source mount", 2, "'--frame-size'")]
    [TestCase("mount --frame-size 32M source mount", 2, "'--frame-size'")]
    [TestCase("mount --plain=maybe source mount", 2, "'--plain'")]
    [TestCase("mount --cache-timeout=-1 source mount", 2, "'--cache-timeout'")]
    [TestCase("mount --jobs 0 source mount", 2, "'--jobs'")]
    [TestCase("mount --wait=-Infinity source mount", 2, "'--wait'")]
    [TestCase("mount --cache-timeout=NaN source mount", 2, "'--cache-timeout'")]
    [TestCase("mount --cache-timeout=-Infinity source mount", 2, "'--cache-timeout'")]
    [TestCase("mount --level= source mount", 2, "'--level=' needs a value")]
    [TestCase("mount --log-file= source mount", 2, "'--log-file=' needs a value")]
    [TestCase("recompress --codec= source", 2, "'--codec=' needs a value")]
    [TestCase("mount -o ro,frobnicate source mount", 2, "'frobnicate'")]
    [TestCase("mount -o level=99 source mount", 2, "'level'")]
    [TestCase("mount -o idle=spin source mount", 2, "'idle'")]
    [TestCase("mount -o auto_unmount source mount", 2, "'auto_unmount'")]
    [TestCase("mount missing mount", 3, "'missing'")]
    [TestCase("mount file mount", 3, "'file'")]
    [TestCase("mount source missing", 4, "'missing'")]
    [TestCase("mount source file", 4, "'file'")]
    [TestCase("mount source full", 4, "not empty")]
    [TestCase("mount source/inner source", 4, "inside")]
    [TestCase("mount source source/inner", 4, "inside")]
    [TestCase("mount --log-file missing/log source mount", 1, "log file")]
    [TestCase("mount --log-file mount/log source mount", 1, "log file")]
    [TestCase("mount -f --log-file mount/log source mount", 1, "log file")]
    [TestCase("mount -f --log-file log source full", 4, "not empty")]
    [TestCase("mount --log-file pipe source mount", 1, "log file")]
    [TestCase("unmount", 2, "MOUNTPOINT")]
    [TestCase("unmount missing", 4, "'missing'")]
    [TestCase("unmount source", 4, "nothing is mounted")]
    [TestCase("sync source", 4, "nothing is mounted")]
    [TestCase("sync /proc", 4, "proc")]
    [TestCase("unmount /proc", 4, "proc")]
    public void WrongUse_OneLineRightCodeNothingChanged(string words, int code, string named)
    {
        string before = Snapshot();
        ShellResult result = Shell.Run($"cd '{_folder}' && exec '{TestMachine.Program(ShellUser.Same)}' {words}");
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(code), result.ToString);
            Assert.That(result.Error, Does.StartWith("zstdfs: ").And.Contain(named));
            Assert.That(result.Error.TrimEnd('\n'), Does.Not.Contain("\n"));
            Assert.That(result.Output, Is.Empty);
            Assert.That(Snapshot(), Is.EqualTo(before));
            Assert.That(MountTableView.TypeOf(Path.Combine(_folder, "mount")), Is.Null);
        });
    }

    [Test]
    public void PathThatIsNotUtf8_IsUsedAsTheSameBytes()
    {
        Shell.Get($"mkdir '{_folder}'/$'s\\xff'");
        ShellResult missing =
            Shell.Run($"exec '{TestMachine.Program(ShellUser.Same)}' mount '{_folder}'/$'t\\xff' '{_folder}/mount'");
        ShellResult found =
            Shell.Run($"exec '{TestMachine.Program(ShellUser.Same)}' mount '{_folder}'/$'s\\xff' '{_folder}/full'");
        Assert.That(missing.ExitCode, Is.EqualTo(3), missing.ToString);
        Assert.That(missing.Error, Does.Contain("t\\xff' does not exist"));
        Assert.That(found.ExitCode, Is.EqualTo(4), found.ToString);
    }

    [Test]
    public void NoDeviceForFuse_SaysSo()
    {
        TestMachine.RequireRoot("hiding /dev/fuse");
        // A name space of its own, in which /dev is empty.
        ShellResult result = Shell.Run(
            "unshare -m bash -c 'mount -t tmpfs none /dev && "
            + $"exec \"{TestMachine.Program(ShellUser.Same)}\" mount \"{_folder}/source\" \"{_folder}/mount\"'");
        Assert.That(result.ExitCode, Is.EqualTo(5), result.ToString);
        Assert.That(result.Error, Does.Contain("/dev/fuse"));
    }

    [Test]
    public void OrdinaryUserWithoutFusermount_SaysWhatToInstall()
    {
        TestMachine.RequireMounts();
        TestMachine.RequireRoot("becoming an ordinary user");
        string program = TestMachine.Program(ShellUser.Ordinary);
        ShellResult result = Shell.Run($"PATH=/nowhere exec '{program}' mount '{_folder}/source' '{_folder}/mount'",
            user: ShellUser.Ordinary);
        Assert.That(result.ExitCode, Is.EqualTo(5), result.ToString);
        Assert.That(result.Error, Does.Contain("fusermount3").And.Contain("fuse3"));
    }

    [Test]
    public void Help_NamesEveryCommandWithAnExample([Values("", "mount", "unmount", "umount", "sync")] string command)
    {
        ShellResult result = Shell.Run($"exec '{TestMachine.Program(ShellUser.Same)}' {command} --help");
        Assert.That(result.ExitCode, Is.Zero, result.ToString);
        Assert.That(result.Output, Does.Contain("Examples:\n  zstdfs "));
        Assert.That(result.Error, Is.Empty);
    }

    [Test]
    public void Version_IsOneLine()
    {
        ShellResult result = Shell.Run($"exec '{TestMachine.Program(ShellUser.Same)}' --version");
        Assert.That(result.ExitCode, Is.Zero);
        Assert.That(result.Text, Does.Match(@"^\d+\.\d+\.\d+[^\n]*$"));
    }

    private string Snapshot() => Shell.Get($"cd '{_folder}' && find . -printf '%P %y %m %s %T@\\n' | LC_ALL=C sort");
}
