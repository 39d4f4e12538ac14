using ZstdFs.Mount.Tests.Harness;
using ZstdFs.Mount.Tests.Tools;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>
/// What the tools make of files that a mount cannot decode: those with long windows are data and are worked on; the
/// others are named and stay, and what may be intact is never called damaged or lost.
/// </summary>
internal sealed class UndecodableToolTests
{
    private static IEnumerable<UndecodableFile> Windows => UndecodableFile.All.Where(static kind => kind.IsForTools);

    private static IEnumerable<UndecodableFile> Others =>
        UndecodableFile.All.Where(static kind => !kind.IsForTools && kind.User == ShellUser.Same);

    private ToolFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new ToolFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCaseSource(nameof(Windows))]
    public void LongWindow_IsDataToEveryTool(UndecodableFile kind)
    {
        kind.Make(_folder.Tree);
        string content = _folder.InTree("zstd -qdc --long=31 f.zst | sha256sum"),
            bytes = _folder.InTree("zstd -qdc --long=31 f.zst | wc -c");
        Assert.That(ToolFolder.Require(0, $"check --data '{_folder.Tree}'").Output, Is.Empty);
        Assert.That(ToolFolder.Require(0, $"stats --json '{_folder.Tree}'").Output,
            Does.Contain($"{long.Parse(bytes, null) + 5}"));
        Assert.That(ToolFolder.Require(0, $"info '{_folder.Tree}/f.zst'").Output,
            Does.Contain($" {bytes} ").And.Not.Contain("not decoded"));
        _folder.InTree("cp f.zst second.zst");
        ToolFolder.Require(0, $"recompress --level 4 --include second.zst '{_folder.Tree}'");
        ToolFolder.Require(0, $"convert --revert --existing-zst=decode '{_folder.Tree}'");
        Assert.That(_folder.InTree("sha256sum < f; sha256sum < second"), Is.EqualTo($"{content}\n{content}"));
    }

    [TestCaseSource(nameof(Others))]
    public void NotDecodable_IsNamedAndStays(UndecodableFile kind)
    {
        kind.Make(_folder.Tree);
        string stored = _folder.InTree("sha256sum f.zst");
        string said = ToolFolder.Require(4, $"check --data '{_folder.Tree}'").Output;
        Assert.That(said.Trim(), Does.StartWith("f.zst: ").And.Contain(kind.Tooled).And.Not.Contain("\n"));
        ShellResult stats = ToolFolder.Program($"stats '{_folder.Tree}'");
        Assert.That(stats.ExitCode, Is.EqualTo(0).Or.EqualTo(8), stats.ToString);
        said += ToolFolder.Require(0, $"info '{_folder.Tree}/f.zst'").Output;
        said += ToolFolder.Require(8, $"recompress --level 5 --if-saves 0 '{_folder.Tree}'").Error;
        said += ToolFolder.Require(8, $"convert --revert --existing-zst=decode '{_folder.Tree}'").Error;
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        Assert.That(said.Split("left: 'f.zst': "), Has.Length.EqualTo(3), said);
        if (kind.IsIntact)
            Assert.That(said, Does.Not.Contain("damaged").And.Not.Contain("lost"));
        Assert.That(_folder.InTree("sha256sum f.zst"), Is.EqualTo(stored));
    }

    [Test]
    public void Unreadable_IsNamedByEachTool()
    {
        TestMachine.RequireRoot("becoming an ordinary user");
        UndecodableFile.All.Single(static kind => kind.User == ShellUser.Ordinary).Make(_folder.Tree);
        Assert.That(ToolFolder.Require(4, $"check --data '{_folder.Tree}'", ShellUser.Ordinary).Output,
            Does.StartWith("f.zst: unreadable"));
        ToolFolder.Require(8, $"stats '{_folder.Tree}'", ShellUser.Ordinary);
        Assert.That(ToolFolder.Require(8, $"recompress --level 5 '{_folder.Tree}'", ShellUser.Ordinary).Error,
            Does.Contain("left: 'f.zst'"));
        Assert.That(
            ToolFolder.Require(8, $"convert --revert --existing-zst=decode '{_folder.Tree}'", ShellUser.Ordinary).Error,
            Does.Contain("left: 'f.zst'"));
    }

    [TestCaseSource(nameof(Windows))]
    public void LongWindow_IsReadByAMountThatAllowsIt(UndecodableFile kind)
    {
        using MountedFolder folder = MountedFolder.Create(
            new MountSetup { Options = kind.Name.Contains("second", StringComparison.Ordinal) ? ["--max-window=256M"]
                : ["-o", "max_window=2G"] },
            kind.Make);
        Shell.Get(
            $"zstd -qdc --long=31 '{folder.Source}/f.zst' | cmp - '{folder.Mount}/f' && "
            + $"[ $(stat -c %s '{folder.Mount}/f') = $(zstd -qdc --long=31 '{folder.Source}/f.zst' | wc -c) ]");
        Assert.That(folder.Log, Does.Not.Contain("error"));
        folder.Unmount();
    }

    [TestCase("1M")]
    [TestCase("3G")]
    public void MaxWindow_OutOfRange_IsRefused(string size) =>
        Assert.That(ToolFolder.Require(2, $"mount --max-window='{size}' /nowhere /nowhere").Error,
            Does.Contain("128M"));
}
