using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace ZstdFs.Core.State;

/// <summary>What a file in the working folder is for; the beginning of its name says it.</summary>
internal enum WorkingRole
{
    /// <summary>A working copy.</summary>
    Copy,
    /// <summary>A working copy of a file without a name (O_TMPFILE): the next mount discards it.</summary>
    UnnamedCopy,
    /// <summary>A stored file under construction: the next mount discards it.</summary>
    Version,
    /// <summary>A finished version that the next mount writes over its target once more.</summary>
    Redo,
    /// <summary>
    /// The beginning of a working copy's content, compressed already. The next mount needs it beside the copy of the
    /// same number, mount and serial.
    /// </summary>
    Early,
    /// <summary>A note that a commit takes a file's append-only mark off: the next mount gives it back.</summary>
    AppendOnly,
}

/// <summary>
/// Name of a file in the working folder: its role, then in hexadecimal the number of the file that it belongs to, the
/// mount that made it and a serial number. <c>.synced</c> at the end says that all of it was on disk once, so that no
/// power cut has left only a part of it.
/// </summary>
internal readonly record struct WorkingName(WorkingRole Role, ulong InodeNumber, uint Epoch, long Serial)
{
    private static ReadOnlySpan<byte> SyncedSuffix => ".synced"u8;

    /// <summary>All of its content was on disk at some time.</summary>
    internal bool IsSynchronized { get; init; }

    /// <summary>The name with its NUL.</summary>
    internal byte[] Terminated() =>
    [
        .. Prefix(Role),
        .. Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{InodeNumber:x16}-{Epoch:x}-{Serial:x}")),
        .. IsSynchronized ? SyncedSuffix : default,
        0,
    ];

    /// <summary>Name of the early frames of the working copy with this name.</summary>
    internal WorkingName OfEarlyFrames() => new(WorkingRole.Early, InodeNumber, Epoch, Serial);

    /// <summary>Reads a name. False where this type does not write such a name.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> bytes, out WorkingName name)
    {
        WorkingRole role = WorkingRole.Copy;
        for (WorkingRole r = WorkingRole.UnnamedCopy; r <= WorkingRole.AppendOnly; r++)
            role = bytes.StartsWith(Prefix(r)) ? r : role;
        bool isSynchronized = bytes.EndsWith(SyncedSuffix);
        ReadOnlySpan<byte> rest = bytes[Prefix(role).Length..];
        rest = rest[..Math.Max(0, rest.Length - (isSynchronized ? SyncedSuffix.Length : 0))];
        bool isOne = TryTake(ref rest, out ulong number) & TryTake(ref rest, out ulong epoch)
            & TryTake(ref rest, out ulong serial);
        name = new WorkingName(role, number, (uint)epoch, (long)serial) { IsSynchronized = isSynchronized };
        // Only names that this type writes itself: any other name may mean something else.
        return isOne && name.Terminated().AsSpan()[..^1].SequenceEqual(bytes);
    }

    private static bool TryTake(ref ReadOnlySpan<byte> rest, out ulong number)
    {
        bool isOne = Utf8Parser.TryParse(rest, out number, out int used, 'x');
        rest = rest[used..];
        if (!rest.IsEmpty && rest[0] == (byte)'-')
            rest = rest[1..];
        return isOne;
    }

    private static ReadOnlySpan<byte> Prefix(WorkingRole role) => role switch
    {
        WorkingRole.UnnamedCopy => "unnamed-"u8,
        WorkingRole.Version => "commit-"u8,
        WorkingRole.Redo => "redo-"u8,
        WorkingRole.Early => "early-"u8,
        WorkingRole.AppendOnly => "append-"u8,
        _ => default,
    };
}
