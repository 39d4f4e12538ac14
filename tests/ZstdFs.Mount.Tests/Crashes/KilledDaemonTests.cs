using ZstdFs.Mount.Tests.Harness;
using ZstdFs.Mount.Tests.Models;

namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>
/// SIGKILL at a chosen moment: what was closed or synchronised is there after the next mount, whole, and the rest is
/// old or new.
/// </summary>
[TestFixtureSource(nameof(FileSystems))]
[CancelAfter(180_000)]
internal sealed class KilledDaemonTests(string type) : MountOnImageTests(type, 1024)
{
    private const int LargeBytes = 48 * 1024 * 1024;

    private static readonly string[] FileSystems = ["ext4", "xfs", "btrfs", "tmpfs"];

    private string At(string name) => Path.Combine(Folder.Mount, name);

    private static byte[] Content(int bytes, int seed)
    {
        // Half of it compresses.
        byte[] content = new byte[bytes];
        new Random(seed).NextBytes(content.AsSpan(0, bytes / 2));
        return content;
    }

    private void CrashAndMount()
    {
        Folder.Crash();
        Folder.Start();
    }

    /// <summary>
    /// Writes the file, closes it, and kills the daemon before it commits it. Returns how the file looked then.
    /// </summary>
    private string SaveAndKill(string name, byte[] content)
    {
        using var file = new NativeFile(At(name), NativeFile.ForWriting | NativeFile.Create | NativeFile.Empty);
        // The commit thread takes a file up after its last close: on a busy machine before the kill. A program that was
        // started now would close a copy of this descriptor, which could do the work of the close that is looked at.
        using var other = new NativeFile(At(name), NativeFile.ForWriting);
        file.Write(content, 0);
        file.Close();
        string look = Look(name);
        Folder.Kill();
        return look;
    }

    /// <summary>Inode number, length and modification time, found out without another program.</summary>
    private string Look(string name)
    {
        const int AtCurrent = -100, Everything = 0x7FF;
        byte[] stat = new byte[256];
        Assert.That(NativeCalls.Stat(AtCurrent, At(name), 0, Everything, stat), Is.Zero);
        return $"{Convert.ToHexString(stat[32..48])} {Convert.ToHexString(stat[112..124])}";
    }

    /// <summary>
    /// The mount shows it, and after a sync the source holds it for stock zstd, with nothing left over.
    /// </summary>
    private void AssertHolds(string name, byte[] expected)
    {
        Assert.That(File.ReadAllBytes(At(name)).AsSpan().SequenceEqual(expected), Is.True,
            () => $"{name} through the mount\n{Folder.Log}");
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero);
        string plain = Path.Combine(Path.GetDirectoryName(Folder.Mount)!, "expected");
        File.WriteAllBytes(plain, expected);
        Shell.Get(
            $"zstd -q -t '{Folder.Source}/{name}.zst' && zstd -qdc '{Folder.Source}/{name}.zst' | cmp - '{plain}'");
        Assert.That(Directory.GetFileSystemEntries(Path.Combine(Folder.Source, ".zstdfs/working")), Is.Empty);
    }

    [Test]
    public void SpaceThatWasAllocatedButNotWritten_IsNoContent_EvenIfSomebodyReadIt()
    {
        byte[] content = Content(LargeBytes, 3);
        File.WriteAllBytes(At("f"), content);
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero);
        using (FileStream file = File.OpenWrite(At("f")))
        {
            file.Write("changed"u8);
            file.Flush(flushToDisk: true);
            Folder.Kill();
        }
        Folder.Crash();
        "changed"u8.CopyTo(content);
        string copy = Directory.GetFiles(Path.Combine(Folder.Source, ".zstdfs/working")).Single();
        // What a power cut leaves of a write that was under way; tmpfs has no such thing.
        if (FileSystemType != "tmpfs")
            Shell.Get($"fallocate -n -o 1M -l 256K '{copy}' && sync '{copy}' && cat '{copy}' > /dev/null");
        Folder.Start();
        AssertHolds("f", content);
    }

    [Test]
    public void ClosedLargeFile_IsCommittedByTheNextMount()
    {
        byte[] content = Content(LargeBytes, 1);
        string before = SaveAndKill("f", content);
        Folder.Crash();
        Assert.That(Directory.GetFiles(Path.Combine(Folder.Source, ".zstdfs/working")), Is.Not.Empty,
            "the kill came too late to prove anything");
        Folder.Start();
        Assert.That(Look("f"), Is.EqualTo(before));
        AssertHolds("f", content);
    }

    [Test]
    public void ReadOnlyMount_SaysThatFilesAreNewerAndRefusesAHalfRewrittenOne()
    {
        byte[] content = Content(LargeBytes, 1);
        SaveAndKill("f", content);
        Folder.Crash();
        ShellResult mounted = Folder.Program("mount", "-o", "ro", Folder.Source, Folder.Mount);
        Assert.That(mounted.ExitCode, Is.Zero, mounted.ToString);
        Assert.That(mounted.Error, Does.Match("^zstdfs: [^\n]*1 files[^\n]*read-write once[^\n]*\n$"));
        Assert.That(Folder.Program("unmount", Folder.Mount).ExitCode, Is.Zero);

        string copy = Directory.GetFiles(Path.Combine(Folder.Source, ".zstdfs/working"), "00*").Single();
        string redo = Path.Combine(Path.GetDirectoryName(copy)!, "redo-" + Path.GetFileName(copy));
        File.Move(copy, redo);
        ShellResult refused = Folder.Program("mount", "-o", "ro", Folder.Source, Folder.Mount);
        Assert.That(refused.ExitCode, Is.EqualTo(3), refused.ToString);
        Assert.That(refused.Error, Does.Contain("read-write once"));
        File.Move(redo, copy);
        Folder.Start();
        AssertHolds("f", content);
    }

    [Test]
    public void SynchronisedOpenFile_IsThere()
    {
        byte[] first = Content(LargeBytes, 2), patch = Content(5000, 3);
        File.WriteAllBytes(At("f"), first);
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero);
        using (var file = new FileStream(At("f"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0))
        {
            file.Position = 1_234_567;
            file.Write(patch);
            file.SetLength(LargeBytes - 4321);
            file.Flush(flushToDisk: true);
            Folder.Kill();
        }
        CrashAndMount();
        patch.CopyTo(first, 1_234_567);
        AssertHolds("f", first[..(LargeBytes - 4321)]);
    }

    [Test]
    public void SmallFiles_ClosedOrSynchronised_AreThere()
    {
        for (int i = 0; i < 50; i++)
            File.WriteAllBytes(At($"new{i}"), Content(i * 100, i));
        File.WriteAllBytes(At("rewritten"), Content(9000, 4));
        File.WriteAllBytes(At("rewritten"), Content(7000, 5));
        using (var open = new FileStream(At("open"), FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite, 0))
        {
            open.Write(Content(3000, 6));
            open.Flush(flushToDisk: true);
            open.Write(Content(3000, 7));
            open.Flush(flushToDisk: true);
            Folder.Kill();
        }
        CrashAndMount();
        for (int i = 0; i < 50; i++)
            AssertHolds($"new{i}", Content(i * 100, i));
        AssertHolds("rewritten", Content(7000, 5));
        AssertHolds("open", [.. Content(3000, 6), .. Content(3000, 7)]);
    }

    [Test]
    public void FileOpenAndWritten_IsWhollyOldOrWhollyNew()
    {
        byte[] old = Content(200_000, 8);
        File.WriteAllBytes(At("f"), old);
        using (var open = new FileStream(At("f"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0))
        {
            open.Write(new byte[100]);
            Folder.Kill();
        }
        CrashAndMount();
        AssertHolds("f", old);
    }

    [Test]
    public void RenamedWhileItsCommitWaits_IsCommittedUnderItsNewName()
    {
        byte[] content = Content(LargeBytes, 9), other = Content(LargeBytes, 10);
        Directory.CreateDirectory(At("a/b"));
        File.WriteAllBytes(At("a/b/f"), content);
        File.WriteAllBytes(At("g"), other);
        File.Move(At("a/b/f"), At("a/b/moved"));
        Directory.Move(At("a"), At("c"));
        CrashAndMount();
        AssertHolds("c/b/moved", content);
        AssertHolds("g", other);
        Assert.That(File.Exists(At("a/b/f")), Is.False);
    }

    [Test]
    public void DeletedWhileOpen_LeavesNothing()
    {
        using (var open = new FileStream(At("f"), FileMode.CreateNew, FileAccess.Write,
            FileShare.ReadWrite | FileShare.Delete, 0))
        {
            open.Write(Content(3_000_000, 11));
            File.Delete(At("f"));
            open.Write(Content(3_000_000, 12));
            Folder.Kill();
        }
        CrashAndMount();
        Assert.That(Directory.GetFileSystemEntries(Path.Combine(Folder.Source, ".zstdfs/working")), Is.Empty);
        Assert.That(Directory.Exists(Path.Combine(Folder.Source, ".zstdfs/lost")), Is.False);
        Assert.That(Directory.GetFiles(Folder.Mount), Is.Empty);
    }

    [Test]
    public void ChangedInTheSourceMeanwhile_TheSourcesVersionStaysAndOursIsKept()
    {
        byte[] ours = Content(LargeBytes, 13);
        SaveAndKill("f", ours);
        Folder.Crash();
        Shell.Get($"echo theirs | zstd -q -f -o '{Folder.Source}/f.zst'");
        Folder.Start();
        Assert.That(File.ReadAllText(At("f")), Is.EqualTo("theirs\n"));
        string[] lost = Directory.GetFiles(Path.Combine(Folder.Source, ".zstdfs/lost"));
        Assert.That(lost, Has.Length.EqualTo(1));
        Assert.That(File.ReadAllBytes(lost[0]).AsSpan().SequenceEqual(ours), Is.True);
        Assert.That(Folder.Log,
            Does.Contain("f was replaced or deleted in the source").And.Contain(Path.GetFileName(lost[0])));
    }

    [Test]
    public void GarbageInTheWorkingFolder_HurtsNoFileAndNoMount()
    {
        byte[] content = Content(9000, 17);
        File.WriteAllBytes(At("f"), content);
        Folder.Crash();
        Shell.Get($"""
            cd '{Folder.Source}/.zstdfs/working'
            head -c 5000 /dev/urandom |
                tee without-a-record 0010000000000001-1-1 redo-0010000000000001-0-0 > 0010000000000001-1-2
            setfattr -n user.zstdfs.working -v 0x$(head -c 72 /dev/urandom | od -An -v -tx1 |
                tr -d ' \n') 0010000000000001-1-2
            mkdir folder 0010000000000001-1-3; ln -s /etc/passwd 0010000000000001-1-4
            cp ../state commit-0010000000000001-1-1
            """);
        Folder.Start();
        Assert.That(File.ReadAllBytes(At("f")), Is.EqualTo(content));
        File.WriteAllBytes(At("f"), content[..5000]);
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero);
        Folder.Remount();
        Assert.That(File.ReadAllBytes(At("f")), Is.EqualTo(content[..5000]));
        Assert.That(Folder.Log, Does.Contain("0010000000000001-1-2: what it holds could not be committed"));
        Assert.That(new FileInfo("/etc/passwd").Length, Is.GreaterThan(0));
    }

    [Test]
    public void HardLinkedFile_IsWrittenToByAllItsNames_AndStaysOneFile()
    {
        File.WriteAllBytes(At("a"), Content(2_000_000, 14));
        Shell.Get($"ln '{At("a")}' '{At("b")}'; ln '{Folder.Source}/a.zst' '{Folder.Source}/c.zst'");
        byte[] next = Content(LargeBytes, 15);
        File.WriteAllBytes(At("b"), next);
        CrashAndMount();
        AssertHolds("a", next);
        AssertHolds("c", next);
        File.AppendAllText(At("c"), "more");
        AssertHolds("b", [.. next, .. "more"u8]);
        Assert.That(
            Shell.Get(
                $"stat -c '%i %h' '{At("a")}' '{At("b")}' '{At("c")}' | sort -u | wc -l; "
                + $"stat -c %h '{At("c")}' '{Folder.Source}/a.zst'"),
            Is.EqualTo("1\n3\n3"));
    }

    [Test]
    public void LinkMadeBeforeTheCommit_DoesNotLoseTheWrites()
    {
        byte[] content = Content(LargeBytes, 16);
        using (var open = new FileStream(At("a"), FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite, 0))
        {
            open.Write(content);
            Shell.Get($"ln '{At("a")}' '{At("b")}'");
        }
        AssertHolds("b", content);
        AssertHolds("a", content);
    }
}
