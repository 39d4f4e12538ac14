using System.Buffers.Binary;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>Content of <c>.zstdfs/state</c>. The layout is in HOW_IT_WORKS.md.</summary>
internal struct StateRecord
{
    /// <summary>Length of the record.</summary>
    internal const int Bytes = 80;

    /// <summary>The bytes that tell the version.</summary>
    internal const int HeadBytes = 12;

    private const uint Magic = 0x53465A7A; // "zZFS"
    private const uint Version = 1;

    /// <summary>Numbers are reserved in blocks, and a source's first number begins one.</summary>
    internal const ulong BlockOfNumbers = 1 << 16;

    /// <summary>So many places there are for a source's first number: 2^32 blocks but one.</summary>
    internal const long FirstNumbers = uint.MaxValue;

    // A program that does not know the second flag takes it for what it knows: not ended.
    private const uint EndedFlag = 1, BeganInterruptedFlag = 2;

    /// <summary>Tells this source from any other.</summary>
    internal Guid SourceId;
    /// <summary>
    /// The first inode number of this source. 0 where that is not known: only <c>convert</c> notes it, when it makes a
    /// source, and programs from before that do not keep it.
    /// </summary>
    internal ulong FirstNumber;
    /// <summary>Inode numbers below this may have been given.</summary>
    internal ulong ReservedUpTo;
    /// <summary>Number of the newest mount.</summary>
    internal uint Epoch;
    /// <summary>
    /// First and last mount after which the machine crashed: what they wrote without waiting for the disk may be
    /// missing. 0 where none.
    /// </summary>
    internal uint SuspectFrom;
    /// <summary>See <see cref="SuspectFrom"/>.</summary>
    internal uint SuspectTo;
    /// <summary>
    /// The last mount that did not end well; where several in a row did not, the first of them. Its daemon may have
    /// died while it wrote a new file's first content. 0 where none.
    /// </summary>
    internal uint InterruptedFrom;
    /// <summary>
    /// When the mount after it began, seconds since 1970, rounded up: the interrupted daemon wrote nothing later.
    /// </summary>
    internal uint InterruptedUntil;
    /// <summary>The newest mount ended with everything on disk.</summary>
    internal bool EndedWell;
    /// <summary>The mount before the newest did not end well.</summary>
    internal bool BeganInterrupted;
    /// <summary>The boot of the machine in which the newest mount ran.</summary>
    internal Guid Boot;

    /// <summary>Starts a new mount. True where the one before did not end well.</summary>
    internal bool BeginEpoch(Guid boot, Timestamp now)
    {
        bool interrupted = !EndedWell;
        if (interrupted)
        {
            InterruptedFrom = BeganInterrupted && InterruptedFrom != 0 ? InterruptedFrom : Epoch;
            InterruptedUntil = (uint)Math.Clamp(now.Seconds + 1, 0, uint.MaxValue);
        }
        BeganInterrupted = interrupted;
        // In the same boot the page cache still has everything: only the daemon died.
        if (interrupted && boot != Boot)
        {
            SuspectFrom = SuspectFrom == 0 ? Epoch : SuspectFrom;
            SuspectTo = Epoch;
        }
        Epoch++;
        Boot = boot;
        EndedWell = false;
        return interrupted;
    }

    /// <summary>
    /// Whether the next mount will suspect what the mount of this epoch wrote without waiting for the disk, if it
    /// begins in this boot.
    /// </summary>
    internal readonly bool WillSuspect(uint epoch, Guid boot)
    {
        StateRecord next = this;
        next.BeginEpoch(boot, default);
        return epoch != 0 && epoch >= next.SuspectFrom && epoch <= next.SuspectTo;
    }

    /// <summary>The disk refused some of what the mount before wrote.</summary>
    internal void SuspectLast()
    {
        SuspectFrom = SuspectFrom == 0 ? Epoch - 1 : SuspectFrom;
        SuspectTo = Epoch - 1;
    }

    /// <summary>Writes the record with its checksum.</summary>
    internal readonly void Write(Span<byte> bytes)
    {
        bytes[..Bytes].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], FirstNumber == 0 ? 0
            : (uint)((FirstNumber - InodeNumber.FirstAllocated) / BlockOfNumbers + 1));
        SourceId.TryWriteBytes(bytes[16..]);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[32..], ReservedUpTo);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[40..], Epoch);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[44..], SuspectFrom);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[48..], SuspectTo);
        BinaryPrimitives.WriteUInt32LittleEndian(
            bytes[52..], EndedWell ? EndedFlag : BeganInterrupted ? BeganInterruptedFlag : 0);
        Boot.TryWriteBytes(bytes[56..]);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[72..], InterruptedFrom);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[76..], InterruptedUntil);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], Checksum.OfRecord(bytes[..Bytes]));
    }

    /// <summary>Whether a newer zstdfs wrote what begins with these bytes.</summary>
    internal static bool IsNewer(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= HeadBytes && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Magic
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) > Version;

    /// <summary>Reads the record.</summary>
    /// <exception cref="SourceException">It is not one that this program wrote.</exception>
    internal static StateRecord Read(ReadOnlySpan<byte> bytes)
    {
        if (IsNewer(bytes))
            throw NewerFormat.Refusal(".zstdfs/state"u8);
        if (bytes.Length != Bytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Checksum.OfRecord(bytes))
        {
            throw new SourceException(SourceProblem.DamagedState,
                ".zstdfs/state is damaged; remove that file and mount again (what the last mount neither stored nor "
                + "synchronised before it ended is then kept in .zstdfs/lost)");
        }
        return new StateRecord
        {
            FirstNumber = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) is > 0 and var block
                ? InodeNumber.FirstAllocated + (block - 1) * BlockOfNumbers : 0,
            SourceId = new Guid(bytes.Slice(16, 16)),
            ReservedUpTo = BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            Epoch = BinaryPrimitives.ReadUInt32LittleEndian(bytes[40..]),
            SuspectFrom = BinaryPrimitives.ReadUInt32LittleEndian(bytes[44..]),
            SuspectTo = BinaryPrimitives.ReadUInt32LittleEndian(bytes[48..]),
            EndedWell = BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]) == EndedFlag,
            BeganInterrupted = BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]) == BeganInterruptedFlag,
            Boot = new Guid(bytes.Slice(56, 16)),
            // A program that does not know these two writes zeros.
            InterruptedFrom = BinaryPrimitives.ReadUInt32LittleEndian(bytes[72..]),
            InterruptedUntil = BinaryPrimitives.ReadUInt32LittleEndian(bytes[76..]),
        };
    }
}
