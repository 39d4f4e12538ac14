using System.Runtime.InteropServices;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion.Forms;

/// <summary>
/// A plain file becomes a stored file, such as the mount writes: frames of one length, a seek table where there are
/// several, the record.
/// </summary>
internal class StoredContent(SourceTree source, StateFolder state, ConversionOptions options, RateLimit rate)
    : SwapContent(source, rate)
{
    private const double WorthwhileRatio = 0.98;
    private const int SampledFrames = 8;

    private readonly Lock _zeroGate = new(); // guards the making of _zeroFrame
    private byte[]? _zeroFrame;

    internal override int PieceRoom { get; } = FrameEncoder.BoundBytes(options.FrameBytes);

    internal override int Pieces(SwapJob job) =>
        (int)Math.Max(1, (job.LogicalBytes + options.FrameBytes - 1) / options.FrameBytes);

    protected override void OpenContent(SwapJob job)
    {
        job.LogicalBytes = job.Stat.Size;
        if (job.LogicalBytes / options.FrameBytes >= FrameMap.MaxFrames)
            throw new FileLeftException(LeftReason.Failed, "it would have too many frames: use a larger --frame-size");
    }

    internal override int Make(Worker worker, SwapJob job, int piece, Span<byte> room)
    {
        (long offset, int length) = Range(job, piece);
        if (IsHole(job, offset, length))
        {
            job.HasHoles = true;
            ZeroFrame(worker).CopyTo(room);
            return ZeroFrame(worker).Length;
        }
        Limit(length);
        Span<byte> content = worker.Content(length);
        Read(job, offset, content);
        if (length >= ZeroFrames.LeastBytes && !content.ContainsAnyExcept((byte)0))
            job.HasHoles = true;
        int made = worker.Encoder.Compress(content, room);
        if (options.SkipIncompressible && Pieces(job) == 1 && made > length * WorthwhileRatio && length > 0)
            throw new FileLeftException(LeftReason.Incompressible);
        return made;
    }

    internal override void Append(SwapJob job, int piece, ReadOnlySpan<byte> made)
    {
        FileLeftException.Require(SystemCallsFile.Write(job.Result!, job.ResultBytes, made), "writing the stored file");
        job.Frames.Add(new SeekTableEntry((uint)made.Length, (uint)Range(job, piece).Length));
        job.ResultBytes += made.Length;
    }

    internal override void Finish(Worker worker, SwapJob job)
    {
        if (job.Frames.Count > 1)
        {
            byte[] table = new byte[SeekTable.BytesFor(job.Frames.Count)];
            int length = SeekTable.Write(CollectionsMarshal.AsSpan(job.Frames), table);
            FileLeftException.Require(
                SystemCallsFile.Write(job.Result!, job.ResultBytes, table.AsSpan(0, length)),
                "writing the seek table");
            job.ResultBytes += length;
        }
        CopyAttributes(worker, job, keepsRoom: true);
        if (NoteNames(job) is < 0 and var failed)
            throw failed == -(int)Errno.ENAMETOOLONG ? new FileLeftException(LeftReason.NameTooLong)
                : AreAttributesFull(job, failed) ? new FileLeftException(LeftReason.NoRoomForName)
                : FileLeftException.Of(failed, "writing its whole name");
        // The record needs no epoch: the content is on disk before the file gets its name.
        FileLeftException.Require(SystemCallsAt.Stat(job.Result!, out Statx stat), "looking at the stored file");
        (ulong number, Timestamp birth) = NumberAndBirth(job);
        SizeRecord record = Devices.RecordFor(stat, number, job.LogicalBytes, birth)
            with { HasHoles = job.HasHoles, ChangeTime = ChangeTimeOf(job) };
        int result = SourceTree.WriteRecord(job.Result!, record);
        job.Record = result >= 0 ? record : null;
        if (result < 0 && result != -(int)Errno.EOPNOTSUPP && !RecordRoom.IsGivenUp(job.Result!, result))
            FileLeftException.Require(result, "writing the record");
        if (result < 0 && state.KeepsRecords)
            Mark(worker, job, stat);
        job.Map = MapOf(job);
    }

    /// <summary>
    /// A full disk and a full block of attributes may give the same error (ENOSPC): free space tells them apart.
    /// </summary>
    private static bool AreAttributesFull(SwapJob job, int result) => (Errno)(-result) is Errno.E2BIG or Errno.ERANGE
        || result == -(int)Errno.ENOSPC && SystemCallsFile.StatFileSystem(job.Result!, out StatFs room) >= 0
            && room.BlocksAvailable > 0;

    /// <summary>Where there is no record, the mark tells a revert that the file was converted.</summary>
    private static void Mark(Worker worker, SwapJob job, in Statx stat)
    {
        FileLeftException.Require(OwnMark.Add(job.Result!, stat.InodeNumber), "marking it as converted");
        FileLeftException.Require(SystemCallsAt.Stat(job.Result!, out Statx marked), "looking at the stored file");
        job.ResultBytes = marked.Size;
        FileLeftException.Require(
            worker.Attributes.PutBackPrivileges(job.Original!, job.Stat, job.Result!), "setting its privileges");
        FileLeftException.Require(
            SystemCallsFile.SetTimes(job.Result!, Timestamp.Omit, stat.ModifyTime.ToTimestamp()), "setting its time");
    }

    /// <summary>
    /// The inode number that users see comes from the allocator, as for every new file. The stored file's own number
    /// will not do: another logical file may have kept that number when it was rewritten. A mount that shows plain
    /// files may have given the file a number already, which then stays.
    /// </summary>
    protected virtual (ulong Number, Timestamp Birth) NumberAndBirth(SwapJob job)
    {
        int recorded = FileLeftException.Require(
            SourceTree.ReadRecord(job.Original!, out SizeRecord record), "reading its record");
        ulong number = record.InodeNumber;
        if (recorded == 0 || !IsOwn(record, job.Stat))
            FileLeftException.Require(state.TryAllocateInodeNumber(out number), "reserving inode numbers");
        return (number, job.Stat.Birth.ToTimestamp());
    }

    /// <summary>The inode numbers of this source.</summary>
    protected GivenNumbers Given => state.Given;

    /// <summary>The record is about this very file, and of this source.</summary>
    protected bool IsOwn(in SizeRecord record, in Statx stat) =>
        Devices.IsOf(record, stat) && Given.Contain(record);

    /// <summary>Notes the whole names, where the stored names are shortened.</summary>
    protected virtual int NoteNames(SwapJob job) =>
        FullNames.Set(job.Result!, job.Names.Select(static n => n.OriginalName.Bytes.ToArray()));

    internal override void Compare(Worker worker, SwapJob job, int piece)
    {
        FrameExtent frame = job.Map![piece];
        Span<byte> stored = worker.Frame((int)frame.StoredBytes), readBack = worker.Other((int)frame.LogicalBytes);
        ReadExactly(job.Result!, frame.StoredOffset, stored, LeftReason.Failed);
        if (IsHole(job, frame.LogicalOffset, readBack.Length))
        {
            RequireEqual(ZeroFrame(worker), stored);
            return;
        }
        try
        {
            readBack = readBack[..worker.Decoder.Decompress(stored, readBack)];
        }
        catch (DamagedFrameException e)
        {
            throw new FileLeftException(
                LeftReason.Failed, "what was written does not decode when it is read back: " + e.Reason);
        }
        Span<byte> content = worker.Content((int)frame.LogicalBytes);
        Read(job, frame.LogicalOffset, content);
        RequireEqual(content, readBack);
    }

    internal override void RequireWorthwhile(Worker worker, SwapJob job)
    {
        int pieces = Pieces(job);
        if (!options.SkipIncompressible || pieces == 1)
            return;
        Span<byte> room = worker.Frame(PieceRoom);
        long plain = 0, stored = 0;
        for (int i = 0; i < SampledFrames; i++)
        {
            int piece = (int)((long)i * pieces / SampledFrames);
            stored += Make(worker, job, piece, room);
            plain += Range(job, piece).Length;
        }
        if (stored > plain * WorthwhileRatio)
            throw new FileLeftException(LeftReason.Incompressible);
    }

    /// <summary>The logical content at this offset.</summary>
    protected virtual void Read(SwapJob job, long offset, Span<byte> content) =>
        ReadExactly(job.Original!, offset, content, LeftReason.Changed);

    protected virtual bool IsHole(SwapJob job, long offset, int length)
    {
        const long BlockBytes = 512;
        if (length != options.FrameBytes || (long)job.Stat.Blocks * BlockBytes >= job.Stat.Size)
            return false;
        long data = SystemCallsFile.Seek(job.Original!, offset, SeekWhence.Data);
        return data >= offset + length || data == -(int)Errno.ENXIO;
    }

    private (long Offset, int Length) Range(SwapJob job, int piece)
    {
        long offset = (long)piece * options.FrameBytes;
        return (offset, (int)Math.Min(options.FrameBytes, job.LogicalBytes - offset));
    }

    private byte[] ZeroFrame(Worker worker)
    {
        if (Volatile.Read(ref _zeroFrame) is { } made)
            return made;
        lock (_zeroGate)
        {
            if (_zeroFrame is not null)
                return _zeroFrame;
            byte[] zeros = new byte[options.FrameBytes], frame = new byte[PieceRoom];
            frame = frame[..worker.Encoder.Compress(zeros, frame)];
            if (!worker.Decoder.Matches(frame, zeros, new byte[zeros.Length]))
                throw new FileLeftException(
                    LeftReason.Failed, "a frame of zeros does not decode to zeros (check this machine's memory)");
            Volatile.Write(ref _zeroFrame, frame);
            return frame;
        }
    }

    private static FrameMap MapOf(SwapJob job)
    {
        var map = new FrameMapBuilder(job.Frames.Count);
        foreach (SeekTableEntry frame in job.Frames)
            map.Add(map.StoredEnd, frame.StoredBytes, frame.LogicalBytes);
        return map.Build(job.ResultBytes, job.Frames.Count > 1);
    }
}
