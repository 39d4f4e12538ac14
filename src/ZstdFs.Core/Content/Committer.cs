using ZstdFs.Core.Compression;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>Base and overlay become the next base: a new stored file, verified, synchronised, renamed over the old one with every attribute kept.</summary>
internal sealed class Committer(ContentServices services, DirectoryCache directories)
{
    /// <summary>Commits what was written. A file that lost its last name is left alone: nobody will look for it.</summary>
    internal int Commit(FileContent content) => content.Commit(Build);

    private (int, StoredBase?) Build(FileContent content)
    {
        if (services.State is not { } state)
            return (-(int)Errno.EROFS, null);
        if (SystemCallsAt.Stat(content.Base.Stored, out Statx old) is < 0 and var failed)
            return (failed, null);
        if (old.LinkCount == 0 && content.Node.AnyLink is null)
            return (0, null);
        byte[] name = System.Text.Encoding.ASCII.GetBytes($"commit-{content.Node.Id:x16}-{services.NextTemporary():x}\0");
        int result = services.Source.CreateFile(state.Working, new NativeName(name), 0b110_000_000, out FileDescriptor file);
        if (result < 0)
            return (result, null);
        FrameMap map;
        result = WriteFrames(content, file, out map);
        // The data must be on disk before the name leads to it: rename alone may leave an empty file after a power cut.
        if (result >= 0)
            result = SystemCallsFile.SynchronizeData(file);
        if (result >= 0)
            result = Publish(content, file, map, new NativeName(name), state, old);
        if (result < 0)
        {
            _ = SystemCallsAt.Unlink(state.Working, new NativeName(name));
            file.Dispose();
            return (result, null);
        }
        _ = SystemCallsAt.Stat(file, out Statx stat);
        return (0, new StoredBase(services, file, stat, isFresh: false, map));
    }

    private int Publish(FileContent content, FileDescriptor file, FrameMap map, NativeName name, StateFolder state, in Statx old)
    {
        Node node = content.Node;
        lock (node.LinksGate)
        {
            if (node.AnyLink is not { } link)
                return -(int)Errno.ENOENT;
            // Renaming over one of several names would split them.
            if (old.LinkCount > 1)
                return -(int)Errno.EMLINK;
            int result = CopyAttributes(content.Base.Stored, file, old);
            if (result >= 0)
                result = SystemCallsFile.SetTimes(file, old.AccessTime.ToTimestamp(), content.ModifyTime);
            if (result < 0)
                return result;
            _ = SystemCallsAt.Stat(file, out Statx stat);
            result = SourceTree.WriteRecord(file, new SizeRecord(content.LogicalBytes, node.Id, stat.Size, stat.ModifyTime.ToTimestamp(), IsFresh: false));
            if (result < 0 && result != -(int)Errno.EOPNOTSUPP)
                return result;
            result = directories.Rent(link.Parent, out DirectoryLease parent);
            if (result < 0)
                return result;
            using (parent)
            {
                Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
                NativeName stored = StoredName.Of(link.Bytes, buffer);
                if (IsChangedUnderneath(parent.Descriptor, stored, content.Base.Identity))
                {
                    services.Log.Error($"{link.NativeName.ToString()}: changed in the source while it was being written through the mount; the source's version is kept, what was written is not committed");
                    return -(int)Errno.ESTALE;
                }
                return SystemCallsAt.Rename(state.Working, name, parent.Descriptor, stored, 0);
            }
        }
    }

    private static bool IsChangedUnderneath(FileDescriptor parent, NativeName stored, StoredIdentity expected) =>
        SystemCallsAt.Stat(parent, stored, out Statx current) >= 0
        && (current.InodeNumber != expected.InodeNumber || current.Size != expected.Size);

    private int WriteFrames(FileContent content, FileDescriptor file, out FrameMap map)
    {
        var writer = new StoredFileWriter(services, file);
        int frameBytes = services.Options.FrameBytes;
        long size = content.LogicalBytes;
        // Frames of the base can be taken over where both are cut at the same places.
        StoredBase? reusable = !content.IsBuffered && content.BaseLimit > frameBytes && content.Base.Map.IsUniform(frameBytes) ? content.Base : null;
        byte[] buffer = new byte[(int)Math.Min(size, frameBytes)];
        int result = 0;
        map = null!;
        if (size == 0)
            result = writer.Append(default);
        for (long offset = 0; offset < size && result >= 0;)
        {
            int untouched = reusable is null ? 0 : CountUntouched(content, reusable, offset, frameBytes);
            if (untouched > 0)
            {
                int first = (int)(offset / frameBytes);
                result = writer.CopyFrames(reusable!, first, first + untouched);
                offset += reusable!.Map[first + untouched - 1].LogicalBytes + (long)(untouched - 1) * frameBytes;
                continue;
            }
            Span<byte> frame = buffer.AsSpan(0, (int)Math.Min(frameBytes, size - offset));
            result = content.ReadLoaded(offset, frame);
            if (result >= 0)
                result = writer.Append(frame);
            offset += frame.Length;
        }
        return result < 0 ? result : writer.Finish(out map);
    }

    /// <summary>How many frames from this offset on are the base's own, whole and not written to.</summary>
    private static int CountUntouched(FileContent content, StoredBase from, long offset, int frameBytes)
    {
        int count = 0;
        for (int i = (int)(offset / frameBytes); i < from.Map.FrameCount; i++, count++)
        {
            FrameExtent frame = from.Map[i];
            long end = frame.LogicalOffset + frame.LogicalBytes;
            bool isLastShort = frame.LogicalBytes < frameBytes;
            if (end > content.BaseLimit || isLastShort && end != content.LogicalBytes
                || content.Working is { } working && working.Blocks.Any(frame.LogicalOffset / BlockMap.BlockBytes, (end + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes))
                break;
        }
        return count;
    }

    /// <summary>Owner, mode, extended attributes and ACLs of the old version, except what writing takes away.</summary>
    private static int CopyAttributes(FileDescriptor from, FileDescriptor to, in Statx old)
    {
        int result = SystemCallsFile.ChangeOwner(to, old.UserId, old.GroupId);
        if (result < 0)
            return result;
        byte[] names = new byte[65536], value = new byte[65536];
        int length = ExtendedAttributes.List(from, names);
        for (int at = 0; at < length;)
        {
            int end = Array.IndexOf(names, (byte)0, at) + 1;
            var name = new NativeName(names.AsSpan(at, end - at));
            at = end;
            if (name.Bytes.SequenceEqual(SizeRecord.AttributeName.Bytes) || name.Bytes.SequenceEqual("security.capability"u8))
                continue;
            int bytes = ExtendedAttributes.Get(from, name, value);
            result = bytes < 0 ? bytes : ExtendedAttributes.Set(to, name, value.AsSpan(0, bytes), 0);
            if (result < 0)
                return result;
        }
        return SystemCallsFile.ChangeMode(to, (uint)(old.Mode & 0xFFF));
    }
}
