using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>
/// A new file that is larger than the room there is, but not compressed: it is compressed behind its writer.
/// </summary>
[TestFixture("ext4")]
[TestFixture("btrfs")]
[CancelAfter(180_000)]
internal sealed class LargerThanTheDiskTests(string type) : MountOnImageTests(type, DiskMib)
{
    private const int DiskMib = 320;
    private const int Tries = 3;
    private const string Refused = "the disk did not take all of what was written";

    // Page n is five times the same 820 bytes, which its number gives.
    private const string Library =
        """
        import os, random
        def page(n): return (random.Random(n).randbytes(820) * 5)[:4096]
        def pages(first, count): return b"".join(page(n) for n in range(first, first + count))
        def write(f, first, count):
            for n in range(first, first + count, 64): assert os.write(f, pages(n, min(64, first + count - n))) > 0
        def check(path, count, changed={}):
            with open(path, "rb") as f:
                for n in range(count): assert f.read(4096) == (changed[n] if n in changed else page(n)), n
        """;

    private string Working => Path.Combine(Folder.Source, ".zstdfs/working");

    private void Python(string script)
    {
        ShellResult result = Shell.Run(
            $"cd '{Folder.Mount}' && python3 - <<'END'\n{Library}\n{script}\nEND", TimeSpan.FromMinutes(2));
        // Of what a nearly full btrfs has taken it may refuse some when it writes that ("cow_file_range failed", -28 in
        // the kernel's log). The writer is told, which is right, and proves nothing of what this test is about.
        bool isRefused = FileSystemType == "btrfs" && Folder.Log.Contains(Refused, StringComparison.Ordinal);
        if (result.ExitCode != 0 && !isRefused)
            throw new InvalidOperationException(result.ToString());
        Assert.That(result.ExitCode, Is.Zero, result.ToString);
    }

    private void AssertCommitted()
    {
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero, () => Folder.Log);
        Shell.Get($"zstd -q -t '{Folder.Source}/big.zst'", TimeSpan.FromMinutes(1));
        Assert.That(Directory.GetFileSystemEntries(Working), Is.Empty);
    }

    // What was changed behind the writer is copied at the commit, so that compressed content must fit twice.
    [TestCase(500, 500 * 256 - 1)]
    [TestCase(340, 100)]
    [Retry(Tries)]
    public void File_IsWrittenReadChangedAndCommitted(int fileMib, int changedPage)
    {
        string changed = $"{{ {changedPage}: page({changedPage})[:3] + b'changed' + page({changedPage})[10:] }}";
        Python(
            $$"""
            f = os.open("big", os.O_RDWR | os.O_CREAT)
            write(f, 0, {{fileMib}} * 256)
            assert os.pread(f, 5000, 4096 * 7) == pages(7, 2)[:5000]
            os.pwrite(f, b"changed", 4096 * {{changedPage}} + 3)
            assert os.pread(f, 10, 4096 * {{changedPage}}) == page({{changedPage}})[:3] + b"changed"
            assert any(name.startswith("early-") for name in os.listdir("{{Working}}")), \
                "nothing was compressed behind the writer: this proves nothing"
            os.close(f)
            check("big", {{fileMib}} * 256, {{changed}})
            """);
        AssertCommitted();
        Folder.Remount();
        Python($"check('big', {fileMib} * 256, {changed})");
    }

    [Test, Retry(Tries)]
    public void KilledDaemon_LeavesWhatWasSynchronizedAndWhatWasClosed()
    {
        Python(
            $$"""
            import signal
            f = os.open("big", os.O_WRONLY | os.O_CREAT)
            write(f, 0, 200 * 256)
            os.fsync(f)
            write(f, 200 * 256, 250 * 256)
            # The commit thread takes a file up after its last close: on a busy machine before a kill that comes after
            # that.
            other = os.open("big", os.O_WRONLY)
            os.close(f)
            os.kill({{Folder.Daemon.ProcessId}}, signal.SIGKILL)
            """);
        Folder.Crash();
        Assert.That(Directory.GetFiles(Working, "early-*"), Is.Not.Empty, "the kill came too late to prove anything");
        Folder.Start();
        Python("assert os.stat('big').st_size == 450 << 20; check('big', 450 * 256)");
        AssertCommitted();
        Python("check('big', 450 * 256)");
    }

    [Test, Retry(Tries)]
    public void KilledWhileWriting_EveryByteThatIsThereIsRight()
    {
        Python(
            """
            import signal, threading, time
            done = 0
            f = os.open("big", os.O_WRONLY | os.O_CREAT)
            def stop():
                while done < 260 * 256: time.sleep(0.001)
                os.kill(DAEMON, signal.SIGKILL)
            t = threading.Thread(target=stop); t.start()
            try:
                while True: write(f, done, 64); done += 64
            except OSError: pass
            t.join()
            """.Replace("DAEMON", $"{Folder.Daemon.ProcessId}", StringComparison.Ordinal));
        Folder.Crash();
        Folder.Start();
        Python(
            """
            size = os.stat("big").st_size
            assert size >= 259 << 20, size
            check("big", size // 4096)
            """);
        AssertCommitted();
    }

    [Test, Retry(Tries)]
    public void TruncatedAndDeleted_FreesTheRoom()
    {
        Python(
            $$"""
            f = os.open("big", os.O_RDWR | os.O_CREAT)
            write(f, 0, 300 * 256)
            os.ftruncate(f, 4096 * 5000 + 100)
            os.ftruncate(f, 4096 * 5002)
            assert os.pread(f, 4096 * 3, 4096 * 4999) == page(4999) + page(5000)[:100] + bytes(4096 * 2 - 100)
            os.lseek(f, 4096 * 5002, 0)
            write(f, 5002, 150 * 256)
            check("big", 5000)
            os.fsync(f)
            os.unlink("big")
            assert os.pread(f, 4096, 0) == page(0)
            os.close(f)
            """);
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero, () => Folder.Log);
        Assert.That(Directory.GetFileSystemEntries(Working), Is.Empty);
    }
}
