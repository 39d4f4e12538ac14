using System.Globalization;
using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The program that holds a source, as it wrote itself into the lock file for a program that comes second. The lock is
/// the kernel's and ends with its holder: without the lock this text says nothing.
/// </summary>
/// <param name="ProcessId">
/// The holder's process id in its own process namespace; 0 where the text does not tell.
/// </param>
/// <param name="Machine">The name of its machine.</param>
/// <param name="MountDevice">
/// The device number ("0:57") of the mount that it serves; null before it has mounted, while it ends, and for a tool.
/// </param>
/// <param name="IsEnding">Its mount is gone, and it stores what is left.</param>
/// <param name="Text">The text for messages: process and machine, without mount and ending.</param>
public sealed record LockHolder(int ProcessId, string Machine, string? MountDevice, bool IsEnding, string Text)
{
    private const int Bytes = 256;
    private const string MountWord = ", mount ", EndingWord = ", ending";

    /// <summary>Writes the holder's text. One write of one length, so that no reader meets half of it.</summary>
    internal static void Write(FileDescriptor lockFile, string? mountDevice = null, bool isEnding = false)
    {
        string who = string.Create(
            CultureInfo.InvariantCulture, $"process {Environment.ProcessId} on {Environment.MachineName}");
        byte[] text = Encoding.UTF8.GetBytes(
            who + (mountDevice is null ? "" : MountWord + mountDevice) + (isEnding ? EndingWord : ""));
        if (text.Length > Bytes)
            return;
        Span<byte> padded = stackalloc byte[Bytes];
        padded.Fill((byte)' ');
        text.CopyTo(padded);
        _ = SystemCallsFile.Write(lockFile, 0, padded);
    }

    /// <summary>Whether a program serves or changes the source at this moment.</summary>
    /// <param name="folder">The source's root, or its state folder.</param>
    /// <param name="lockFile">The lock's name from there.</param>
    public static bool IsHeld(FileDescriptor folder, NativeName lockFile) => Find(folder, lockFile) is not null;

    /// <summary>The program that serves or changes the source; null also where this user may not know.</summary>
    /// <param name="root">The source's root.</param>
    public static LockHolder? Find(FileDescriptor root) => Find(root, new NativeName(".zstdfs/lock\0"u8));

    private static LockHolder? Find(FileDescriptor folder, NativeName lockFile)
    {
        const int Flags = OpenFlags.ReadOnly | OpenFlags.NonBlocking;
        if (SystemCallsAt.Open(folder, lockFile, Flags, 0, out FileDescriptor file) < 0)
            return null;
        using (file)
            return Of(file);
    }

    /// <summary>The program that holds the lock on this open lock file; null where none does.</summary>
    /// <param name="lockFile">Opened for this, or kept since an earlier call.</param>
    public static LockHolder? Of(FileDescriptor lockFile)
    {
        int result = SystemCallsFile.TryLock(lockFile, exclusive: false);
        if (result >= 0)
            _ = SystemCallsFile.Unlock(lockFile);
        return result == -(int)Errno.EAGAIN ? Read(lockFile) : null;
    }

    /// <summary>Reads what the holder wrote into the lock file.</summary>
    internal static LockHolder Read(FileDescriptor lockFile)
    {
        Span<byte> text = stackalloc byte[Bytes];
        int length = SystemCallsFile.Read(lockFile, 0, text);
        return Parse(Encoding.UTF8.GetString(text[..Math.Max(length, 0)]).Trim(' ', '\0'));
    }

    /// <summary>The same from the file's text.</summary>
    internal static LockHolder Parse(string text)
    {
        string rest = text;
        bool isEnding = rest.EndsWith(EndingWord, StringComparison.Ordinal);
        if (isEnding)
            rest = rest[..^EndingWord.Length];
        string? device = null;
        if (rest.LastIndexOf(MountWord, StringComparison.Ordinal) is > 0 and var at)
            (rest, device) = (rest[..at], rest[(at + MountWord.Length)..]);
        return rest.Split(' ', 4) is ["process", var number, "on", var machine]
            && int.TryParse(number, CultureInfo.InvariantCulture, out int process)
            ? new LockHolder(process, machine, device, isEnding, rest)
            : new LockHolder(0, "", null, IsEnding: false, ".zstdfs/lock is held");
    }
}
