using ZstdFs.Cli.Logging;

namespace ZstdFs.Cli.Tests;

/// <summary>The log file: one that several mounts write to, and that a log rotation truncates.</summary>
internal sealed class FileLogTests
{
    private string _path = "";

    [SetUp]
    public void MakePath() => _path = Path.GetTempFileName();

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    [Test]
    public void TwoLogsOfOneFile_KeepEachOthersLines()
    {
        using var first = new FileLog(_path);
        using var second = new FileLog(_path);
        first.Information("one");
        second.Warning("two");
        first.Error("three");
        second.Information("four");
        Assert.That(Lines(), Is.EqualTo(new[] { "information one", "warning two", "error three", "information four" }));
    }

    [Test]
    public void EventAfterATruncation_StandsAtTheBeginning()
    {
        using var log = new FileLog(_path);
        log.Information("before");
        File.WriteAllText(_path, "");
        log.Information("after");
        Assert.That(Lines(), Is.EqualTo(new[] { "information after" }));
        Assert.That(File.ReadAllText(_path), Does.Not.Contain("\0"), "what was truncated stays a hole");
    }

    [Test]
    public void FileThatWasThere_IsAppendedTo()
    {
        File.WriteAllText(_path, "2000-01-01T00:00:00.000Z information earlier\n");
        using (var log = new FileLog(_path))
            log.Information("later");
        Assert.That(Lines(), Is.EqualTo(new[] { "information earlier", "information later" }));
    }

    /// <summary>A terminal takes no write at an offset.</summary>
    [Test]
    public void Terminal_GetsTheEvents()
    {
        var start = new System.Diagnostics.ProcessStartInfo("script", ["-qfc", "tty; sleep 30", _path])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true
        };
        using var terminal = System.Diagnostics.Process.Start(start)!;
        try
        {
            string device = terminal.StandardOutput.ReadLine()!.Trim();
            using (var log = new FileLog(device))
                log.Warning("to the terminal");
            Assert.That(terminal.StandardOutput.ReadLine(), Does.EndWith("to the terminal"));
        }
        finally
        {
            terminal.Kill(entireProcessTree: true);
        }
    }

    [Test]
    public void FileThatCannotBeMade_IsNamed() =>
        Assert.That(() => new FileLog("/nowhere/log"),
            Throws.TypeOf<CommandFailure>().With.Message.Contains("/nowhere/log"));

    // Without the time.
    private string[] Lines() =>
        [.. File.ReadAllLines(_path)
            .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]))];
}
