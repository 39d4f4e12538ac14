using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Source;

/// <summary>
/// Files that were made through a mount and never written, into whose stored files another program then writes: cp(1),
/// a shell's redirection and rsync --inplace keep the inode and its attributes. What cannot be decoded is damaged. It
/// is never taken for a first content that a crash cut off, which becomes an empty file.
/// </summary>
[CancelAfter(120_000)]
internal sealed class FilledInTheSourceTests
{
    private const string Cut = "seq 100000 | zstd -qc | head -c 1000 > x.zst";

    private MountedFolder _folder = null!;

    [SetUp]
    public void Mount() => _folder = MountedFolder.Create();

    [TearDown]
    public void Unmount() => _folder?.Dispose();

    [Test]
    public void DamagedContent_IsAnErrorAndStays([Values("while mounted", "later", "after a kill")] string when)
    {
        Shell.Get($": > '{_folder.Mount}/x'");
        if (when == "later")
            _folder.Unmount();
        if (when == "after a kill")
        {
            // A second is what the state tells moments apart by.
            _folder.Crash();
            _folder.Start();
            Thread.Sleep(1_100);
        }
        InSource(Cut);
        if (when == "later")
            _folder.Start();
        AwaitTimeout();
        AssertIsDamaged();
        _folder.Remount();
        AssertIsDamaged();
    }

    [Test]
    public void FileThatIsBeingWritten_IsLeftAlone([Values] bool wasKilled, [Values] bool beforeTheMount)
    {
        Shell.Get($": > '{_folder.Mount}/x'");
        if (wasKilled)
            _folder.Crash();
        else
            _folder.Unmount();
        if (!beforeTheMount)
            _folder.Start();
        InSource("seq 100000 | zstd -qc > ../whole");
        using FileStream writer = new(_folder.Source + "/x.zst", FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        byte[] whole = File.ReadAllBytes(Path.Combine(_folder.Source, "../whole"));
        writer.Write(whole, 0, 1000);
        writer.Flush();
        if (beforeTheMount)
            _folder.Start();
        AwaitTimeout();
        Shell.Get($"ls -l '{_folder.Mount}'; ! cat '{_folder.Mount}/x' 2> /dev/null");
        writer.Write(whole, 1000, whole.Length - 1000);
        writer.Flush();
        writer.Dispose();
        AwaitTimeout();
        Shell.Get($"cmp '{_folder.Mount}/x' <(seq 100000)");
        _folder.Remount();
        Shell.Get($"cmp '{_folder.Mount}/x' <(seq 100000)");
    }

    [Test]
    public void ContentAsShortAsAnEmptyFilesFrame_IsSeen()
    {
        Shell.Get($": > '{_folder.Mount}/x'");
        InSource("printf abcd | zstd -qc --no-check > x.zst; [ $(stat -c %s x.zst) = 13 ]");
        AwaitTimeout();
        Assert.That(Shell.Get($"cat '{_folder.Mount}/x'"), Is.EqualTo("abcd"));
    }

    [Test]
    public void EmptyFileWithAnotherTime_StaysEmptyAndSound()
    {
        Shell.Get(
            $"cd '{_folder.Mount}' && touch -d '2001-02-03' x && sleep 1.1 && [ $(stat -c %s x) = 0 ] && [ ! -s x ]");
        _folder.Remount();
        Shell.Get($"cd '{_folder.Mount}' && [ $(stat -c %s,%Y x) = 0,$(date -d 2001-02-03 +%s) ]");
        Shell.Get($"echo content > '{_folder.Mount}/x'");
        _folder.Unmount();
        Shell.Get($"zstd -qdc '{_folder.Source}/x.zst' | cmp - <(echo content)");
        Assert.That(_folder.Program("check", _folder.Source).ExitCode, Is.Zero);
    }

    [Test]
    public void EmptyFilesWithAnotherTime_AreNoFindingsOfCheck()
    {
        Shell.Get($"touch -d '2001-02-03' '{_folder.Mount}/x'");
        _folder.Unmount();
        Assert.That(_folder.Program("check", _folder.Source), Has.Property("ExitCode").Zero);
    }

    /// <summary>What a record says of the mount that wrote the content outlives a touch in the source.</summary>
    [Test]
    public void TouchedFile_IsStillNotKnownToBeOnDisk()
    {
        Shell.Get($"echo v > '{_folder.Mount}/x'; echo w > '{_folder.Mount}/y'");
        InSource("touch x.zst");
        AwaitTimeout();
        Shell.Get($"ls -l '{_folder.Mount}'");
        const string Epoch = "getfattr --only-values -n user.zstdfs {0}.zst | od -An -tu4 -j20 -N4";
        InSource(
            $"[ $({string.Format(null, Epoch, "x")}) -gt 0 ] && "
            + $"[ $({string.Format(null, Epoch, "x")}) = $({string.Format(null, Epoch, "y")}) ]");
    }

    /// <summary>
    /// A daemon that died while it wrote the first content, and what a mount shows that may not mend it.
    /// </summary>
    [Test]
    public void ContentThatAKillCutOff_IsNone([Values("rw", "ro")] string mode)
    {
        Shell.Get($": > '{_folder.Mount}/x'");
        _folder.Crash();
        InSource(Cut);
        string mount = _folder.Mount, source = _folder.Source;
        Assert.That(_folder.Program("mount", "-o", mode, source, mount), Has.Property("ExitCode").Zero);
        try
        {
            Shell.Get($"[ $(stat -c %s '{mount}/x') = 0 ] && [ -z \"$(cat '{mount}/x')\" ]");
        }
        finally
        {
            Assert.That(_folder.Program("unmount", mount), Has.Property("ExitCode").Zero);
        }
        InSource(mode == "ro" ? "[ $(stat -c %s x.zst) = 1000 ]" : "[ -z \"$(zstd -qdc x.zst)\" ]");
    }

    private void AssertIsDamaged()
    {
        ShellResult read = Shell.Run($"ls -l '{_folder.Mount}'; cat '{_folder.Mount}/x'");
        Assert.That(read.Error, Does.Contain("Input/output error"));
        InSource("[ $(stat -c %s x.zst) = 1000 ] && cmp x.zst <(seq 100000 | zstd -qc | head -c 1000)");
    }

    private void InSource(string script) => Shell.Get($"cd '{_folder.Source}'; {script}");

    private static void AwaitTimeout() => Thread.Sleep(1_200);
}
