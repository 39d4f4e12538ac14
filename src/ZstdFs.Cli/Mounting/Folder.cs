using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>A folder named on the command line: held open, so that what was checked is what is used.</summary>
/// <param name="Text">As the user wrote it, fit to be printed.</param>
/// <param name="Path">Absolute and without symlinks, not ended by NUL.</param>
/// <param name="Handle">The open folder.</param>
internal sealed record Folder(string Text, byte[] Path, FileDescriptor Handle) : IDisposable
{
    private const int LongestPath = 4096;

    /// <summary>The path with the NUL that system calls want.</summary>
    internal byte[] TerminatedPath => [.. Path, 0];

    /// <summary>The absolute path for messages and for <see cref="NativeText.Encode"/>.</summary>
    internal string PathText => NativeText.Decode(Path);

    public void Dispose() => Handle.Dispose();

    /// <summary>
    /// Opens it. O_PATH in <paramref name="flags"/> opens also a folder that cannot be read, and the root of a mount
    /// whose daemon has died.
    /// </summary>
    internal static int Open(string text, int flags, out Folder folder)
    {
        folder = null!;
        if (text.Length == 0)
            return -(int)Errno.ENOENT;
        int result = SystemCallsAt.Open(
            new NativeName(NativeText.EncodeTerminated(text)), flags | OpenFlags.Directory, out FileDescriptor handle);
        if (result < 0)
            return result;
        byte[] path = new byte[LongestPath];
        int length = SystemCallsAt.ReadLink(
            handle, new NativeName(NativeText.EncodeTerminated($"/proc/self/fd/{handle.Number}")), path);
        if (length < 0)
        {
            handle.Dispose();
            return length;
        }
        folder = new Folder(NativeText.Printable(text), path[..length], handle);
        return 0;
    }

    /// <summary>This folder is somewhere below <paramref name="other"/>, or is it.</summary>
    internal bool IsWithin(Folder other) =>
        Path.AsSpan().StartsWith(other.Path)
        && (Path.Length == other.Path.Length
            || other.Path.AsSpan().SequenceEqual("/"u8)
            || Path[other.Path.Length] == '/');

    /// <summary>
    /// How many entries besides "." and ".." the first read of the folder gives. −errno where it cannot be read.
    /// </summary>
    internal static int CountEntries(FileDescriptor folder)
    {
        // A record holds inode and offset (8 bytes each), its length (2), a type byte and the name.
        const int LengthOffset = 16, NameOffset = 19;
        Span<byte> buffer = stackalloc byte[4096];
        int filled = SystemCallsFile.ReadDirectory(folder, buffer);
        if (filled < 0)
            return filled;
        int count = 0;
        for (int at = 0; at + NameOffset < filled; at += BitConverter.ToUInt16(buffer[(at + LengthOffset)..]))
        {
            ReadOnlySpan<byte> name = buffer[(at + NameOffset)..];
            name = name[..name.IndexOf((byte)0)];
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                count++;
        }
        return count;
    }
}
