using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>Who holds a source, for the message to whoever comes second: written into the lock file. The lock is the kernel's and ends with its holder; this text says nothing without it.</summary>
internal static class LockHolder
{
    private const int LongestBytes = 256;

    internal static void Write(FileDescriptor lockFile)
    {
        byte[] text = Encoding.UTF8.GetBytes($"process {Environment.ProcessId} on {Environment.MachineName}");
        if (text.Length <= LongestBytes && SystemCallsFile.Truncate(lockFile, 0) >= 0)
            _ = SystemCallsFile.Write(lockFile, 0, text);
    }

    internal static string Read(FileDescriptor lockFile)
    {
        Span<byte> text = stackalloc byte[LongestBytes];
        int length = SystemCallsFile.Read(lockFile, 0, text);
        return length > 0 ? Encoding.UTF8.GetString(text[..length]) : ".zstdfs/lock is held";
    }
}
