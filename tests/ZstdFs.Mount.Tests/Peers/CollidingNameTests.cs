using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Peers;

/// <summary>
/// A file <c>x</c> and a folder, link or pipe <c>x.zst</c> want one name in the source. Whoever comes second is refused; nobody is lost.
/// </summary>
[TestFixture]
internal sealed class CollidingNameTests
{
    private static readonly string[] WaysToTakeTheName =
    [
        "mkdir x.zst",
        "ln -s nowhere x.zst",
        "mkfifo x.zst",
        "ln -s nowhere l && mv -f l x.zst",
        "mkfifo l && mv -f l x.zst",
        "mkdir l && mv -fT l x.zst",
        "python3 -c 'import ctypes, os; os.symlink(\"a\", \"l\"); os._exit(-ctypes.CDLL(None).renameat2(-100, b\"l\", -100, b\"x.zst\", 1))'",
        "ln -s nowhere l && ln -P l x.zst",
    ];

    private static readonly string[] WaysToMakeTheFile = ["echo new > x", "touch x", "echo new > f && mv -f f x", "echo new > f && ln f x"];

    [TestCaseSource(nameof(WaysToTakeTheName))]
    public void NativeNodeOverAStoredFile_IsRefused(string way)
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"cd '{folder.Mount}' && echo content > x && cat x");
        Assert.That(Shell.Run($"cd '{folder.Mount}' && {way}").ExitCode, Is.Not.Zero);
        Assert.That(Shell.Get($"cat '{folder.Mount}/x'"), Is.EqualTo("content"));
        folder.Remount();
        Assert.That(Shell.Get($"cat '{folder.Mount}/x' && zstd -qdc '{folder.Source}/x.zst'"), Is.EqualTo("content\ncontent"));
        folder.Unmount();
    }

    [Test]
    public void StoredFileOverANativeNode_IsRefused([ValueSource(nameof(WaysToMakeTheFile))] string way, [Values("mkdir x.zst", "ln -s target x.zst", "mkfifo x.zst")] string node)
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"cd '{folder.Mount}' && {node}");
        string before = Shell.Get($"stat -c '%F %N' '{folder.Mount}/x.zst'");
        Assert.That(Shell.Run($"cd '{folder.Mount}' && {way}").ExitCode, Is.Not.Zero);
        Assert.That(Shell.Get($"stat -c '%F %N' '{folder.Mount}/x.zst'"), Is.EqualTo(before));
        folder.Unmount();
    }

    [Test]
    public void FileWhoseNameEndsInZst_IsStoredWithASecondOne()
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"cd '{folder.Mount}' && echo inner | zstd -q > x.zst && zstd -qdc x.zst && echo plain > x && mv x.zst y.zst && cp y.zst x.zst && rm y.zst");
        folder.Remount();
        Assert.That(Shell.Get($"cd '{folder.Mount}' && ls && cat x && zstd -qdc x.zst && zstd -qdc '{folder.Source}/x.zst.zst' | zstd -qdc"), Is.EqualTo("x\nx.zst\nplain\ninner\ninner"));
        folder.Unmount();
    }
}
