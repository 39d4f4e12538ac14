using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>
/// The file <c>.zstdfs/state</c>: its record, and the inode numbers that it reserves. The thread that begins the mount
/// has it alone; <see cref="Write"/> of that time puts the new epoch on disk.
/// </summary>
/// <param name="file">The file, open for writing; taken over.</param>
internal sealed class StateFile(FileDescriptor file) : IDisposable
{
    /// <summary>Numbers that one write of the state file reserves: a crash may skip so many.</summary>
    private const ulong BlockOfNumbers = StateRecord.BlockOfNumbers;

    /// <summary>
    /// The next block is reserved when <see cref="FewNumbers"/> are left, and tried again after each
    /// <see cref="NumbersBetweenAttempts"/> more: a state file that cannot be written for a while stops no caller.
    /// </summary>
    private const ulong FewNumbers = BlockOfNumbers / 2, NumbersBetweenAttempts = 256;

    // Guards the record and the numbers. A write of the state file happens under it, once in 65,536 creations.
    private readonly Lock _gate = new();
    private StateRecord _record;
    private ulong _nextNumber;

    /// <summary>What the file says, or will say after the next write.</summary>
    internal ref readonly StateRecord Record => ref _record;

    /// <summary>The inode numbers that the source may have given.</summary>
    internal GivenNumbers Given => GivenNumbers.Of(_record.FirstNumber, Volatile.Read(ref _record.ReservedUpTo));

    /// <summary>
    /// The same of a source that another process may have; all where it has no state that this user can read.
    /// </summary>
    internal static GivenNumbers ReadGiven(SourceTree source)
    {
        if (source.OpenDirectory(source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder) < 0)
            return GivenNumbers.Any;
        using (folder)
        {
            if (source.OpenRead(folder, new NativeName("state\0"u8), out FileDescriptor file) < 0)
                return GivenNumbers.Any;
            using (file)
            {
                Span<byte> state = stackalloc byte[StateRecord.Bytes];
                try
                {
                    if (SystemCallsFile.Read(file, 0, state) != state.Length)
                        return GivenNumbers.Any;
                    StateRecord record = StateRecord.Read(state);
                    return GivenNumbers.Of(record.FirstNumber, record.ReservedUpTo);
                }
                catch (SourceException)
                {
                    return GivenNumbers.Any;
                }
            }
        }
    }

    /// <summary>Reads the record, or makes a new one where the file has none yet. 0 or −errno.</summary>
    /// <param name="beginsSource">Every record that is in the source already is of another one.</param>
    /// <param name="isNew">It is a new one.</param>
    /// <exception cref="SourceException">It is not one that this program wrote.</exception>
    internal int Read(bool beginsSource, out bool isNew)
    {
        isNew = false;
        Span<byte> state = stackalloc byte[StateRecord.Bytes];
        int length = SystemCallsFile.Read(file, 0, state);
        if (length < 0)
            return length;
        // The first of some 2^32 blocks of numbers, at random: should the state of a source be lost, new numbers will
        // hardly meet those in its files. They may be guessed. So OpenSSL, which the daemon would keep in memory for
        // it, is not asked.
        ulong start = InodeNumber.FirstAllocated
            + (ulong)Random.Shared.NextInt64(StateRecord.FirstNumbers) * BlockOfNumbers;
        // A power cut during the first write may have left nothing, or zeros: no number was given then.
        isNew = !state[..length].ContainsAnyExcept((byte)0);
        _record = isNew
            ? new StateRecord
            {
                SourceId = Guid.NewGuid(),
                FirstNumber = beginsSource ? start : 0,
                ReservedUpTo = start,
                EndedWell = true,
            }
            : StateRecord.Read(state[..length]);
        return 0;
    }

    /// <summary>The record is new, and earlier mounts got this far.</summary>
    internal void ContinueAfter(uint epoch, bool endedWell) => (_record.Epoch, _record.EndedWell) = (epoch, endedWell);

    /// <summary>The next write reserves a first block of numbers for this mount.</summary>
    internal void BeginNumbers()
    {
        _nextNumber = _record.ReservedUpTo;
        _record.ReservedUpTo += BlockOfNumbers;
    }

    /// <summary>Starts a new mount. True where the one before did not end well.</summary>
    internal bool BeginEpoch(Guid boot, Timestamp now) => _record.BeginEpoch(boot, now);

    /// <summary>The disk refused some of what the mount before wrote.</summary>
    internal void SuspectLast() => _record.SuspectLast();

    /// <summary>Puts the record on disk. 0 or −errno. After the beginning of a mount only under the gate.</summary>
    internal int Write()
    {
        Span<byte> state = stackalloc byte[StateRecord.Bytes];
        _record.Write(state);
        int result = SystemCallsFile.Write(file, 0, state);
        return result < 0 ? result : SystemCallsFile.SynchronizeData(file);
    }

    /// <summary>
    /// The next inode number for a file. No number is given twice, crashes included: it is reserved on disk before.
    /// Returns 0, or −errno where none can be reserved.
    /// </summary>
    internal int TryAllocateInodeNumber(out ulong number)
    {
        lock (_gate)
        {
            number = 0;
            ulong left = _record.ReservedUpTo - _nextNumber;
            if (left == 0 || left <= FewNumbers && left % NumbersBetweenAttempts == 0)
            {
                int result = ReserveNumbers();
                if (result < 0 && left == 0)
                    return result;
            }
            number = _nextNumber++;
            return 0;
        }
    }

    /// <summary>Caller holds the gate.</summary>
    private int ReserveNumbers()
    {
        _record.ReservedUpTo += BlockOfNumbers;
        int result = Write();
        if (result < 0)
            _record.ReservedUpTo -= BlockOfNumbers;
        return result;
    }

    /// <summary>Moves the allocator past a number found in use: the state is older than the files.</summary>
    internal int SkipPast(ulong inodeNumber)
    {
        lock (_gate)
        {
            if (inodeNumber < _nextNumber)
                return 0;
            _nextNumber = _record.ReservedUpTo = inodeNumber + 1;
            return Write();
        }
    }

    /// <summary>Everything that this mount wrote is on disk: the next mount need not suspect any of it.</summary>
    internal void NoteEndedWell()
    {
        lock (_gate)
        {
            _record.EndedWell = true;
            _ = Write();
        }
    }

    public void Dispose() => file.Dispose();
}
