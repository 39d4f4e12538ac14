using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.Content;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>The first content of a new small file: one frame, written over the empty one.</summary>
internal sealed class FirstContent(StorageServices services)
{
    private const int BlockBytes = 4096;

    /// <summary>
    /// Writes into the empty stored file that CREATE made. The file counts as empty until its record says otherwise, so
    /// a crash on the way leaves the old version. 0, <see cref="CommitResult.NeedsVersion"/> or −errno.
    /// </summary>
    /// <param name="content">What is committed.</param>
    /// <param name="look">What <see cref="ShownChange.Look"/> gave before the caller looked at the file.</param>
    /// <param name="old">The empty stored file.</param>
    /// <param name="next">The same file with its content.</param>
    internal int Fill(FileContent content, long look, in Statx old, out StoredBase? next)
    {
        next = null;
        FileDescriptor stored = content.Base.Stored;
        // The source refuses a write over what an append-only file holds.
        if (old.IsAppendOnly)
            return CommitResult.NeedsVersion;
        // Note once more what users did before. From here on this commit moves the change time.
        _ = content.Change.Of(look, old.ChangeTime.ToTimestamp());
        content.Change.Begin();
        services.Inspector.BeginFirstContent(old);
        try
        {
            return Fill(content, stored, old, out next);
        }
        finally
        {
            services.Inspector.EndRewrite(old.InodeNumber);
        }
    }

    private int Fill(FileContent content, FileDescriptor stored, in Statx old, out StoredBase? next)
    {
        next = null;
        int result = Write(content, stored, old.Size, out FrameMap map);
        if (result == CommitResult.NeedsVersion)
        {
            content.Change.Abandon();
            return result;
        }
        bool hasHoles = result >= 0 && services.HasHoles(stored, map);
        lock (content.Node.LinksGate)
        {
            // ModifyTime may be what utimens set a moment ago, so it is read under the gate.
            Timestamp modify = content.ModifyTime,
                change = content.ChangeTime > content.Change.Shown ? content.ChangeTime : content.Change.Shown;
            if (result >= 0)
                result = SystemCallsFile.SetTimes(stored, Timestamp.Omit, modify);
            // Write the record before the stat, which then shows what the record's own write left.
            Statx stat = old;
            (stat.Size, stat.ModifyTime) = (map?.StoredBytes ?? old.Size, StatxTimestamp.Of(modify));
            SizeRecord record = services.Source.Devices.RecordFor(
                stat, content.Node.Id, content.LogicalBytes, old.Birth.ToTimestamp()) with
            {
                Epoch = services.State!.Epoch,
                IsOneFrame = map?.IsOneFrame ?? false,
                HasHoles = hasHoles,
                ChangeTime = change
            };
            long windowEnd = 0;
            if (result >= 0)
                result = CommitNotes.WriteRecord(stored, record, out windowEnd);
            if (result >= 0)
                result = SystemCallsAt.Stat(stored, out stat);
            // The file system may keep times less finely than it was asked to.
            if (result >= 0 && !record.Describes(stat))
            {
                result = CommitNotes.WriteRecord(stored, record.Of(stat.ModifyTime.ToTimestamp()), out windowEnd);
                if (result >= 0)
                    result = SystemCallsAt.Stat(stored, out stat);
            }
            if (result < 0)
            {
                TakeBack(stored, old);
                CommitNotes.NoteTouched(content, stored);
                content.Change.Abandon();
                return result;
            }
            services.Closed.KeepIfClosed(stat, record.Of(stat.ModifyTime.ToTimestamp()));
            // A lookup that follows the publication may read the frames again.
            services.Inspector.EndRewrite(old.InodeNumber);
            content.Published.Note(stat);
            content.Change.End(change, stat.ChangeTime.ToTimestamp(), windowEnd);
            next = content.Base.Rewritten(stat, map!, hasHoles);
            return 0;
        }
    }

    /// <summary>Writes the one frame over what the stored file holds, and cuts off the rest.</summary>
    private int Write(FileContent content, FileDescriptor stored, long oldBytes, out FrameMap map)
    {
        Overlay overlay = content.Overlay;
        map = null!;
        int logicalBytes = (int)overlay.LogicalBytes;
        int room = FrameEncoder.BoundBytes(logicalBytes);
        using FrameBuffer frame = services.Codecs.Buffers.Rent(room);
        int length = StoredFileWriter.Compress(services, overlay.Level, overlay.BufferedContent, frame.AsSpan(room));
        int result;
        // No user sets set-id bits or capabilities between the check and the write.
        lock (content.Node.LinksGate)
        {
            if (StoredAttributes.LosesToAWrite(stored))
                return CommitResult.NeedsVersion;
            // The block with the empty frame comes last: where the disk has no room for the others, it stays as it was.
            result = length > BlockBytes
                ? SystemCallsFile.Write(stored, BlockBytes, frame.AsSpan(length)[BlockBytes..]) : 0;
            if (result >= 0)
                result = SystemCallsFile.Write(stored, 0, frame.AsSpan(Math.Min(length, BlockBytes)));
            if (result >= 0 && length < oldBytes)
                result = SystemCallsFile.Truncate(stored, length);
        }
        if (result < 0)
            return result;
        var builder = new FrameMapBuilder(1);
        builder.Add(0, length, logicalBytes);
        map = builder.Build(length);
        return 0;
    }

    /// <summary>
    /// Puts the empty frame back after the first content could not be committed. Where that fails too, the record still
    /// calls the file empty.
    /// </summary>
    private void TakeBack(FileDescriptor stored, in Statx old)
    {
        ReadOnlySpan<byte> empty = services.EmptyFrame.Span;
        Span<byte> there = stackalloc byte[BlockBytes];
        there = there[..empty.Length];
        // Truncate first: on a full disk, Btrfs needs the room that this frees to write anything.
        if (SystemCallsFile.Truncate(stored, empty.Length) >= 0
            && !(SystemCallsFile.Read(stored, 0, there) == there.Length && there.SequenceEqual(empty)))
            _ = SystemCallsFile.Write(stored, 0, empty);
        _ = SystemCallsFile.SetTimes(stored, Timestamp.Omit, old.ModifyTime.ToTimestamp());
    }
}
