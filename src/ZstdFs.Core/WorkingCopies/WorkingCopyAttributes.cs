using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>
/// What a working copy tells the next mount in its extended attributes: the record, the path, the zero ranges. Where
/// working copies do not survive the mount, no next mount looks, and the record and the ranges are not written.
/// </summary>
internal sealed class WorkingCopyAttributes(StateFolder state, FileDescriptor file, in WorkingCopyRecord record)
{
    private const int LongestPathHint = 3000;

    private WorkingCopyRecord _record = record;
    // What the record and the zero ranges on disk do not say yet.
    private long _dueLimit = long.MaxValue;
    private bool _mustWriteZeros;

    /// <summary>What the next mount is to know: which file the copy belongs to, and what it lies over.</summary>
    internal WorkingCopyRecord Record =>
        _dueLimit < _record.BaseLimit ? _record with { BaseLimit = _dueLimit } : _record;

    /// <summary>The record says that the kernel writes to the copy by itself.</summary>
    internal bool IsLent => _record.IsLent;

    /// <summary>
    /// Ranges where the base does not show through although nothing was written. All of them lie below the base limit.
    /// </summary>
    internal ZeroRanges Zeros { get; } = new();

    /// <summary>Writes the record as it is: from here on the next mount takes the copy up. 0 or −errno.</summary>
    internal int Describe(ReadOnlySpan<byte> path)
    {
        int result = WriteRecord(_record);
        if (result >= 0 && state.WorkingCopiesSurvive)
            WritePath(path);
        return result;
    }

    /// <summary>Changes what the next mount would find. After an error that is as it was.</summary>
    internal int WriteRecord(in WorkingCopyRecord record)
    {
        int result = 0;
        if (state.WorkingCopiesSurvive)
        {
            Span<byte> bytes = stackalloc byte[WorkingCopyRecord.Bytes];
            record.Write(bytes);
            result = ExtendedAttributes.Set(file, WorkingCopyRecord.AttributeName, bytes, 0);
        }
        if (result >= 0)
            _record = record;
        return result;
    }

    /// <summary>
    /// The copy is not lent any more. The record on disk says that it is until it is written next, with the current
    /// base: after a crash the next mount would check who has the copy open.
    /// </summary>
    internal void NoteReturned(in StoredIdentity @base, Timestamp modify, Timestamp change) =>
        _record = _record with
        {
            IsLent = false, Base = @base, CommittedInode = 0, ModifyTime = modify, ChangeTime = change
        };

    /// <summary>
    /// A redo holds all that was written so far, and is the base. The record in memory says so even where the disk
    /// refuses it. Until it is on disk, the next mount takes the copy for committed, so nothing written since counts as
    /// kept.
    /// </summary>
    internal void NoteRedo()
    {
        _record = Record with { HasEarlyFrames = false, CommittedInode = 0 };
        _ = WriteRecord(_record);
    }

    /// <summary>Where the next mount looks first. Without the hint it looks through the whole source.</summary>
    internal void WritePath(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty || path.Length > LongestPathHint)
            _ = ExtendedAttributes.Remove(file, WorkingCopyRecord.PathAttributeName);
        // An old hint may say that the file has no name.
        else if (ExtendedAttributes.Set(file, WorkingCopyRecord.PathAttributeName, path, 0) < 0)
            _ = ExtendedAttributes.Remove(file, WorkingCopyRecord.PathAttributeName);
    }

    /// <summary>The hint, or nothing.</summary>
    internal byte[] ReadPath() => MayBeOfNone ? [] : ReadHint();

    private byte[] ReadHint()
    {
        Span<byte> path = stackalloc byte[LongestPathHint];
        int length = ExtendedAttributes.Get(file, WorkingCopyRecord.PathAttributeName, path);
        return length <= 0 ? [] : path[..length].ToArray();
    }

    // It stands in the place of a path. No path begins with a slash.
    private static ReadOnlySpan<byte> NoPathYet => "/"u8;

    /// <summary>
    /// Its file was about to get its first name when the mount ended. Where the source has no such file, it did not get
    /// the name, and nothing is lost with the copy.
    /// </summary>
    internal bool MayBeOfNone => ReadHint().AsSpan().SequenceEqual(NoPathYet);

    /// <summary>Its file is about to get a name.</summary>
    internal void NoteNoPathYet()
    {
        if (state.WorkingCopiesSurvive)
            WritePath(NoPathYet);
    }

    /// <summary>
    /// The base counts up to here only. The copy was cut off there before, so its length says the same. Where there is
    /// no room for the record, it is written before the copy grows again.
    /// </summary>
    internal void Limit(long baseLimit)
    {
        // The copy on disk must forget the zero ranges behind the limit too: early frames may be put there later.
        _mustWriteZeros |= Zeros.Clip(baseLimit);
        _dueLimit = Math.Min(baseLimit, _dueLimit);
        _ = CompleteLimit();
    }

    /// <summary>
    /// Writes what <see cref="Limit"/> could not: before the copy grows, or the limit is raised. 0 or −errno.
    /// </summary>
    internal int CompleteLimit()
    {
        int result = _dueLimit < _record.BaseLimit ? WriteRecord(_record with { BaseLimit = _dueLimit }) : 0;
        if (result >= 0 && _mustWriteZeros)
            result = WriteZeroRanges();
        if (result >= 0)
            (_dueLimit, _mustWriteZeros) = (long.MaxValue, false);
        return result;
    }

    /// <summary>
    /// Notes that a range below the base limit reads as zeros. False where that fails: then it is not noted.
    /// </summary>
    internal bool TryAddZeros(long start, long end)
    {
        ZeroRanges before = Zeros.Copy();
        if (!Zeros.TryAdd(start, end))
            return false;
        if (WriteZeroRanges() >= 0)
            return true;
        Zeros.Become(before);
        return false;
    }

    /// <summary>Takes back what was noted since. Where that fails, it stays noted.</summary>
    internal void TakeBackZeros(ZeroRanges before)
    {
        ZeroRanges noted = Zeros.Copy();
        Zeros.Become(before);
        if (WriteZeroRanges() < 0)
            Zeros.Become(noted);
    }

    private int WriteZeroRanges()
    {
        if (!state.WorkingCopiesSurvive)
            return 0;
        Span<byte> bytes = stackalloc byte[ZeroRanges.LongestBytes];
        Zeros.Write(bytes);
        return ExtendedAttributes.Set(file, WorkingCopyRecord.ZerosAttributeName, bytes[..Zeros.Bytes], 0);
    }

    /// <summary>
    /// Reads the zero ranges that an earlier mount left. 0, −EBADMSG where they make no sense, or −errno.
    /// </summary>
    internal int LoadZeros()
    {
        Span<byte> bytes = stackalloc byte[ZeroRanges.LongestBytes];
        int length = ExtendedAttributes.Get(file, WorkingCopyRecord.ZerosAttributeName, bytes);
        if (length == -(int)Errno.ENODATA)
            return 0;
        if (length < 0 || !Zeros.TryRead(bytes[..length]))
            return length < 0 && length != -(int)Errno.ERANGE ? length : -(int)Errno.EBADMSG;
        // A crash may have come after the record was written, and before the ranges were.
        Zeros.Clip(_record.BaseLimit);
        return 0;
    }

    /// <summary>Removes the record: no mount takes the copy up, and the next one removes it.</summary>
    internal void RemoveRecord() => _ = ExtendedAttributes.Remove(file, WorkingCopyRecord.AttributeName);
}
