using ZstdFs.Cli.Options;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Insight;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Tools;

/// <summary>
/// A file that a tool was pointed at: a stored file in a source, or a file in a mount, which stands for its stored
/// file.
/// </summary>
internal static class NamedFile
{
    private const int LongestPath = 4096;
    private const long FuseMagic = 0x65735546;

    private static ReadOnlySpan<byte> Suffix => ".zst"u8;

    /// <summary>Opens the stored file.</summary>
    /// <exception cref="SourceException">
    /// There is none, or it cannot be reached; the message goes behind the file's name.
    /// </exception>
    internal static FileDescriptor Open(string text, Codec codec)
    {
        FileDescriptor file = OpenRegular(NativeText.EncodeTerminated(text), out Statx stat);
        if (SystemCallsFile.StatFileSystem(file, out StatFs statistics) < 0 || statistics.Type != FuseMagic)
        {
            if (NativeText.Encode(text).AsSpan().EndsWith(Suffix))
                return file;
            file.Dispose();
            throw Unusable("is not a stored file: name a .zst file in a source, or a file in a mount");
        }
        using (file)
            return OpenBehindMount(file, stat, codec);
    }

    private static FileDescriptor OpenRegular(byte[] path, out Statx stat)
    {
        int result = SystemCallsAt.Open(
            new NativeName(path), OpenFlags.ReadOnly | OpenFlags.NonBlocking | OpenFlags.NoFollow,
            out FileDescriptor file);
        stat = default;
        if (result < 0)
            throw Unusable((Errno)(-result) == Errno.ENOENT
                ? "does not exist"
                : $"cannot be opened ({(Errno)(-result)})");
        // The look must not count as a read: recompress --cold goes by access times.
        _ = SystemCallsFile.KeepAccessTime(file);
        if (SystemCallsAt.Stat(file, out stat) >= 0 && stat.IsRegular)
            return file;
        file.Dispose();
        throw Unusable("is not a regular file");
    }

    /// <summary>
    /// The mount table says where the source is. The inode number shows that the stored file is this file's.
    /// </summary>
    private static FileDescriptor OpenBehindMount(FileDescriptor file, in Statx seen, Codec codec)
    {
        byte[] path = new byte[LongestPath];
        int length = SystemCallsAt.ReadLink(
            file, new NativeName(NativeText.EncodeTerminated($"/proc/self/fd/{file.Number}")), path);
        path = path[..Math.Max(0, length)];
        if (NamedSource.MountAbove(path) is not { } mount)
            throw Unusable("is in a mount that is not zstdfs's");
        FileDescriptor? stored = null;
        // The source may be out of this process's sight, or mounted over.
        if (SystemCallsAt.Open(new NativeName([.. mount.Source.Span, 0]), OpenFlags.ReadOnly | OpenFlags.Directory,
            out FileDescriptor root) >= 0)
        {
            using (root)
                stored = StoredPath.Open(root, path.AsSpan(mount.MountPoint.Length), out FileDescriptor opened) >= 0
                    ? opened : null;
        }
        if (stored is not null && SystemCallsAt.Stat(stored, out Statx stat) >= 0 && stat.IsRegular
            && NumberOf(stored, codec) == seen.InodeNumber)
            return stored;
        stored?.Dispose();
        throw Unusable("has no stored form that can be reached from here: name the .zst file in the source");
    }

    private static ulong NumberOf(FileDescriptor stored, Codec codec) => StoredFileFacts.Of(stored, codec).LogicalInode;

    private static SourceException Unusable(string message) => new(SourceProblem.Unusable, message);
}
