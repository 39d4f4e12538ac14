using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>
/// Root without CAP_LEASE, as in a container with SYS_ADMIN alone, gets leases on its own files only: other users'
/// files that a program has open for writing are found all the same.
/// </summary>
[TestFixture]
internal sealed class LeaseTests
{
    private const string WithoutLease = "setpriv --bounding-set=-lease --inh-caps=-all";

    private const string Prepare =
        "mkdir d && cd d && echo one > log && echo two > other && touch -d 2020-01-01 log other && "
        + "chown 1000:1000 log other";

    [SetUp]
    public void RequireRoot() => TestMachine.RequireRoot("files of other users");

    [Test]
    public void Convert_LeavesWhatAnotherUserHasOpen()
    {
        using var folder = new ToolFolder();
        folder.InTree(Prepare);
        string goAhead = $"{folder.Path}/go";
        using var writer = Writer($"{folder.Tree}/d/log", goAhead);
        ShellResult result = ToolFolder.Require(8, $"convert '{folder.Tree}'", before: WithoutLease);
        Assert.That(result.Error, Does.Contain("d/log': somebody has it open for writing"));
        Assert.That(folder.InTree("ls d"), Is.EqualTo("log\nother.zst"));
        File.WriteAllText(goAhead, "");
        writer.WaitForEnd();
        Assert.That(folder.InTree("cat d/log; stat -c %u d/log d/other.zst"), Is.EqualTo("one\nthree\n1000\n1000"));
    }

    [Test]
    public void ConvertingMount_LeavesWhatAnotherUserHasOpen()
    {
        using MountedFolder folder = MountedFolder.Prepared();
        Shell.Get($"cd '{folder.Source}' && {Prepare}");
        string goAhead = folder.Source + ".go";
        using var writer = Writer($"{folder.Source}/d/log", goAhead);
        string program = TestMachine.Program(ShellUser.Same);
        Shell.Get($"{WithoutLease} '{program}' mount --plain=convert '{folder.Source}' '{folder.Mount}'");
        Shell.Get($"ls -l '{folder.Mount}/d'");
        Assert.That(Waiting.For(() => File.Exists($"{folder.Source}/d/other.zst")), Is.True);
        Assert.That(File.Exists($"{folder.Source}/d/log.zst"), Is.False);
        File.WriteAllText(goAhead, "");
        writer.WaitForEnd();
        Assert.That(Shell.Get($"cat '{folder.Mount}/d/log'"), Is.EqualTo("one\nthree"));
        Assert.That(Waiting.For(() => File.Exists($"{folder.Source}/d/log.zst")), Is.True);
        Assert.That(Shell.Get($"cat '{folder.Mount}/d/log'; zstdcat '{folder.Source}/d/log.zst'"),
            Is.EqualTo("one\nthree\none\nthree"));
        Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero);
    }

    /// <summary>Has the file open until the test makes the other one, and writes to it at the end.</summary>
    private static Daemon Writer(string file, string goAhead)
    {
        var writer = new Daemon(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "bash", "-c",
            $"exec 3>> '{file}'; touch -d 2020-01-01 '{file}'; echo ready >&2; {ToolFolder.Await(goAhead)}; sleep 1; "
                + "echo three >&3"],
                ShellUser.Same);
        Assert.That(Waiting.For(() => writer.Log.Contains("ready", StringComparison.Ordinal)), Is.True, writer.Log);
        return writer;
    }
}
