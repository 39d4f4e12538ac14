using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A commit takes the append-only mark off for its own steps. Whichever of them fails, or is the last one before a
/// kill: the next mount has the content and the mark.
/// </summary>
[TestFixture]
[CancelAfter(300_000)]
internal sealed class AppendOnlyTests
{
    private static readonly byte[] Start = Random(3000, 1);

    [Test]
    public void FileIsAppendOnlyAgain_WhateverFails(
        [Values] bool hasTwoNames, [Values(2000, 1_500_000)] int bytes,
        [Values(FaultWay.Once, FaultWay.FromThenOn)] FaultWay way)
    {
        byte[] more = Random(bytes, 2);
        int lifted = 0;
        bool isHit = true;
        for (int number = 1; isHit; number++)
        {
            using var place = new FaultPlace();
            string stored = Path.Combine(place.Folder, "f.zst");
            try
            {
                isHit = Append(place, stored, more, new Fault(number, Errno.EIO, way), hasTwoNames, ref lifted);
            }
            finally
            {
                FailingCalls.Disarm();
                Mark(stored, appendsOnly: false);
            }
        }
        // After one failure this mount tries again.
        if (way == FaultWay.FromThenOn)
            Assert.That(lifted, Is.Positive, "the mark was on whenever a call failed: it proves nothing");
    }

    private static bool Append(
        FaultPlace place, string stored, byte[] more, in Fault fault, bool hasTwoNames, ref int lifted)
    {
        var log = new EventLines();
        using (ZstdFileSystem first = SourceFolders.Open(place.Folder, log))
        {
            var use = new DirectUse(first);
            use.Save("f", Start);
            if (hasTwoNames)
                use.Link("f", "g");
            Assert.That(first.Drain(), Is.Zero, log.ToString);
        }
        Mark(stored, appendsOnly: true);
        string? struck;
        int closed;
        using (ZstdFileSystem second = SourceFolders.Open(place.Folder, log))
        {
            var use = new DirectUse(second);
            DirectUse.Handle file = use.Open("f", OpenFlags.WriteOnly | OpenFlags.Append);
            Assert.That(use.Write(file, Start.Length, more), Is.Zero);
            FailingCalls.Arm(fault);
            closed = use.Close(file);
            _ = use.SynchronizeAll();
            struck = FailingCalls.Struck;
            using (fault.Way == FaultWay.FromThenOn ? FailingCalls.Kill() : null)
            {
                FailingCalls.Disarm();
                second.Dispose();
            }
        }
        if (!IsMarked(stored))
            lifted++;
        using ZstdFileSystem third = SourceFolders.Open(place.Folder, log);
        Assert.That(IsMarked(stored), Is.True, () => $"{struck}\n{log}");
        byte[] whole = [.. Start, .. more];
        byte[] content = new DirectUse(third).ReadAll("f", whole.Length);
        Assert.That(content.SequenceEqual(whole) || closed < 0 && content.SequenceEqual(Start), Is.True,
            () => $"{content.Length} bytes\n{struck}\n{log}");
        Assert.That(third.Drain(), Is.Zero, () => $"{struck}\n{log}");
        Assert.That(StockZstd.Decompress(stored, whole.Length + 1).SequenceEqual(content), Is.True,
            () => $"{struck}\n{log}");
        Assert.That(IsMarked(stored), Is.True, () => $"{struck}\n{log}");
        Assert.That(Directory.GetFiles($"{place.Folder}/.zstdfs/working"), Is.Empty, () => $"{struck}\n{log}");
        return struck is not null;
    }

    private static void Mark(string path, bool appendsOnly)
    {
        using FileDescriptor file = Open(path);
        Assert.That(InodeFlags.Get(file, out uint flags), Is.Zero);
        Assert.That(InodeFlags.Set(
            file, appendsOnly ? flags | InodeFlags.AppendOnly : flags & ~InodeFlags.AppendOnly), Is.Zero);
    }

    private static bool IsMarked(string path)
    {
        using FileDescriptor file = Open(path);
        Assert.That(InodeFlags.Get(file, out uint flags), Is.Zero);
        return (flags & InodeFlags.AppendOnly) != 0;
    }

    private static FileDescriptor Open(string path)
    {
        int result = SystemCallsAt.Open(new NativeName(Ext4.Native(path)), OpenFlags.ReadOnly, out FileDescriptor file);
        Assert.That(result, Is.Not.Negative);
        return file;
    }

    private static byte[] Random(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
