using ZstdFs.Cli.Options;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Tools;

/// <summary>A file that a tool was pointed at: a stored file in a source, or a file in a mount, which stands for its stored file.</summary>
internal static class NamedFile
{
    private const int LongestPath = 4096;
    private const long FuseMagic = 0x65735546;

    private static ReadOnlySpan<byte> Suffix => ".zst"u8;

    /// <summary>Opens the stored file.</summary>
    /// <exception cref="SourceException">There is none, or it cannot be reached; the message goes behind the file's name.</exception>
    internal static FileDescriptor Open(string text)
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
            return OpenBehindMount(file, stat);
    }

    private static FileDescriptor OpenRegular(byte[] path, out Statx stat)
    {
        int result = SystemCallsAt.Open(new NativeName(path), OpenFlags.ReadOnly | OpenFlags.NonBlocking | OpenFlags.NoFollow, out FileDescriptor file);
        stat = default;
        if (result < 0)
            throw Unusable((Errno)(-result) == Errno.ENOENT ? "does not exist" : $"cannot be opened ({(Errno)(-result)})");
        if (SystemCallsAt.Stat(file, out stat) >= 0 && stat.IsRegular)
            return file;
        file.Dispose();
        throw Unusable("is not a regular file");
    }

    /// <summary>The mount table says where the source is; the inode number, that it is this file's.</summary>
    private static FileDescriptor OpenBehindMount(FileDescriptor file, in Statx seen)
    {
        byte[] path = new byte[LongestPath];
        int length = SystemCallsAt.ReadLink(file, new NativeName(NativeText.EncodeTerminated($"/proc/self/fd/{file.Number}")), path);
        path = path[..Math.Max(0, length)];
        if (NamedSource.MountAbove(path) is not { } mount)
            throw Unusable("is in a mount that is not zstdfs's");
        FileDescriptor? stored = null;
        try
        {
            stored = OpenRegular([.. mount.Source.Span, .. path.AsSpan(mount.MountPoint.Length), .. Suffix, 0], out _);
        }
        catch (SourceException)
        {
            // Out of this process's sight, or mounted over.
        }
        if (stored is not null && NumberOf(stored) == seen.InodeNumber)
            return stored;
        stored?.Dispose();
        throw Unusable("has no stored form that can be reached from here: name the .zst file in the source");
    }

    private static ulong NumberOf(FileDescriptor stored) => Core.Insight.StoredFileFacts.Of(stored).LogicalInode;

    private static SourceException Unusable(string message) => new(SourceProblem.Unusable, message);
}
