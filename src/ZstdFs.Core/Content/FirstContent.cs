using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>The first content of a new small file: one frame, written over the empty one.</summary>
internal static class FirstContent
{
    internal static int Write(ContentServices services, Overlay content, FileDescriptor stored, long oldBytes, out FrameMap map)
    {
        map = null!;
        int logicalBytes = (int)content.LogicalBytes;
        int room = FrameEncoder.BoundBytes(logicalBytes);
        using FrameBuffer frame = services.Codecs.Buffers.Rent(room);
        int length = StoredFileWriter.Compress(services, content.Level, content.BufferedContent, frame.AsSpan(room));
        int result = SystemCallsFile.Write(stored, 0, frame.AsSpan(length));
        if (result >= 0 && length < oldBytes)
            result = SystemCallsFile.Truncate(stored, length);
        if (result < 0)
            return result;
        var builder = new FrameMapBuilder(1);
        builder.Add(0, length, logicalBytes);
        map = builder.Build(length);
        return 0;
    }
}
