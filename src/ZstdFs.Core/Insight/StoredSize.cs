using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Insight;

/// <summary>
/// The logical size of a stored file, by the cheapest way that is right: the record, the frames' headers, decoding.
/// </summary>
internal static class StoredSize
{
    /// <summary>
    /// −errno where the file cannot be read; the size as far as the file is in order where it is damaged.
    /// </summary>
    internal static long Find(SourceTree source, FileDescriptor directory, NativeName name, in Statx stat, Codec codec)
    {
        if (SourceTree.TryReadRecord(directory, name, out SizeRecord record)
            && source.Devices.IsOf(record, stat) && record.Describes(stat))
            return record.LogicalBytes;
        int result = source.OpenRead(directory, name, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
        {
            WindowLimit windows = WindowLimit.OfTools(codec);
            if (FrameScanner.QuickSize(file, stat.Size, windows) is { } quick)
                return quick.Bytes;
            FrameMap map = FrameScanner.ScanIntact(file, stat.Size, windows).Map;
            return map.Damage is { Cause: not DamagedFrameException and var cause }
                ? -(int)cause.Errno
                : map.LogicalBytes;
        }
    }
}
