using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>The first content of a new small file: one frame, written over the empty one.</summary>
internal static class FirstContent
{
    /// <summary>
    /// Not an errno: a write would take set-id bits or capabilities off the stored file, so the content needs a new
    /// version.
    /// </summary>
    internal const int NeedsVersion = 1;

    /// <param name="services">Shared services.</param>
    /// <param name="content">What is written.</param>
    /// <param name="stored">The stored file.</param>
    /// <param name="oldBytes">Its length.</param>
    /// <param name="gate">
    /// The node's gate: no user sets set-id bits or capabilities between the check and the write.
    /// </param>
    /// <param name="map">Its one frame.</param>
    internal static int Write(
        ContentServices services, Overlay content, FileDescriptor stored, long oldBytes, object gate, out FrameMap map)
    {
        map = null!;
        int logicalBytes = (int)content.LogicalBytes;
        int room = FrameEncoder.BoundBytes(logicalBytes);
        using FrameBuffer frame = services.Codecs.Buffers.Rent(room);
        int length = StoredFileWriter.Compress(services, content.Level, content.BufferedContent, frame.AsSpan(room));
        int result;
        lock (gate)
        {
            if (StoredAttributes.LosesToAWrite(stored))
                return NeedsVersion;
            result = SystemCallsFile.Write(stored, 0, frame.AsSpan(length));
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
    internal static void TakeBack(ContentServices services, FileDescriptor stored, in Statx old)
    {
        ReadOnlySpan<byte> empty = services.EmptyFrame.Span;
        // Truncate first: on a full disk, Btrfs needs the room that this frees to write anything.
        if (SystemCallsFile.Truncate(stored, empty.Length) >= 0)
            _ = SystemCallsFile.Write(stored, 0, empty);
        _ = SystemCallsFile.SetTimes(stored, Timestamp.Omit, old.ModifyTime.ToTimestamp());
    }
}
