using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion.Forms;

/// <summary>
/// How the new form of a file is made and compared with the old one, in pieces that different threads may take. Every
/// method throws <see cref="FileLeftException"/> where the file has to stay as it is.
/// </summary>
internal abstract class SwapContent(SourceTree source, RateLimit rate)
{
    private volatile bool _wentWithoutLease;

    protected SourceDevices Devices => source.Devices;

    /// <summary>
    /// A file stays as it is where the kernel cannot tell whether it is open for writing. Set beside a mount that
    /// serves, because programs write to plain files there as a matter of course.
    /// </summary>
    internal bool NeedsLease { get; init; }

    /// <summary>The kernel could not tell of some file whether it is open for writing.</summary>
    internal bool WentWithoutLease => _wentWithoutLease;

    /// <summary>Opens the original and learns what pieces there are.</summary>
    internal void Open(SwapJob job)
    {
        SwapName name = job.Names[0];
        FileLeftException.Require(
            source.OpenRead(name.Folder.Descriptor, name.OriginalName, out FileDescriptor file), "opening it");
        job.Original = file;
        FileLeftException.Require(SystemCallsAt.Stat(file, out Statx now), "looking at it");
        if (!now.IsRegular || now.InodeNumber != job.Stat.InodeNumber || now.Device != job.Stat.Device
            || now.LinkCount != job.Stat.LinkCount)
            throw new FileLeftException(LeftReason.Changed);
        if (now.IsImmutable || now.IsAppendOnly)
            throw new FileLeftException(LeftReason.NotPermitted, "it is immutable or append-only (chattr)");
        FileLeftException.Require(SourceTree.ReadRecord(file, out SizeRecord record), "reading its record");
        if (record.IsNewer)
            throw new FileLeftException(LeftReason.Newer, NewerFormat.Text("its record (user.zstdfs)"));
        TakeLease(file, now.UserId);
        _ = FileLease.Release(file, now.UserId);
        job.Stat = now;
        OpenContent(job);
    }

    /// <summary>
    /// The last look at the original before its name goes: it must still be what was converted. Where there are leases,
    /// no program can write to it from here on until its descriptor is closed. Its change time tells of writes, and
    /// also of rename, unlink, chmod and the like.
    /// </summary>
    internal void RequireUnchanged(SwapJob job)
    {
        job.IsLeased = TakeLease(job.Original!, job.Stat.UserId);
        FileLeftException.Require(SystemCallsAt.Stat(job.Original!, out Statx now), "looking at it");
        if (now.Size != job.Stat.Size || now.LinkCount != job.Stat.LinkCount
            || now.ModifyTime.ToTimestamp() != job.Stat.ModifyTime.ToTimestamp()
            || now.ChangeTime.ToTimestamp() != job.Stat.ChangeTime.ToTimestamp())
        {
            throw new FileLeftException(LeftReason.Changed);
        }
    }

    /// <summary>
    /// False where this file system or this user has no leases: then the comparisons have to do. Where
    /// <see cref="NeedsLease"/> is set, throws instead.
    /// </summary>
    private bool TakeLease(FileDescriptor file, uint owner)
    {
        int result = source.HasLeases ? FileLease.TryTake(file, owner) : -(int)Errno.EINVAL;
        if (result == -(int)Errno.EAGAIN)
            throw new FileLeftException(LeftReason.OpenForWriting);
        if (result >= 0)
            return true;
        if (NeedsLease)
            throw new FileLeftException(LeftReason.WritersUnknown, $"F_SETLEASE: {(Errno)(-result)}");
        _wentWithoutLease = true;
        return false;
    }

    /// <summary>Sets <see cref="SwapJob.LogicalBytes"/> and <see cref="SwapJob.Map"/>.</summary>
    protected abstract void OpenContent(SwapJob job);

    internal abstract int Pieces(SwapJob job);

    /// <summary>The pieces have to be made, and compared, one after the other by one thread.</summary>
    internal virtual bool IsSequential(SwapJob job) => false;

    /// <summary>
    /// A thread holds it while it works on such a file: the frames need so much memory that one at a time must do.
    /// </summary>
    internal virtual Lock? SequentialGate => null;

    /// <summary>Room that <see cref="Make"/> needs for a piece.</summary>
    internal virtual int PieceRoom => 0;

    /// <summary>
    /// Makes a piece: into <paramref name="room"/>, or straight into the result. Returns how much of the room is used.
    /// </summary>
    internal abstract int Make(Worker worker, SwapJob job, int piece, Span<byte> room);

    /// <summary>Puts a piece that was made into room at the end of the result. In order.</summary>
    internal virtual void Append(SwapJob job, int piece, ReadOnlySpan<byte> made) { }

    /// <summary>Ends the result and puts the original's attributes on it.</summary>
    internal abstract void Finish(Worker worker, SwapJob job);

    /// <summary>Reads a piece of the result back and compares it with the original.</summary>
    internal abstract void Compare(Worker worker, SwapJob job, int piece);

    /// <summary>Throws where a look at a few pieces tells that the new form would not be worth it.</summary>
    internal virtual void RequireWorthwhile(Worker worker, SwapJob job) { }

    /// <summary>The change time that users see of the original, which the new form takes over.</summary>
    protected Timestamp ChangeTimeOf(SwapJob job) =>
        FileLeftException.Require(SourceTree.ReadRecord(job.Original!, out SizeRecord record), "reading its record") > 0
            && Devices.IsOf(record, job.Stat) ? record.ChangeTimeOf(job.Stat) : job.Stat.ChangeTime.ToTimestamp();

    protected void Limit(int bytes) => rate.Take(bytes);

    protected static void CopyAttributes(Worker worker, SwapJob job, bool keepsRoom)
    {
        int result = worker.Attributes.Copy(job.Original!, job.Stat, job.Result!, keepsRoom);
        if (result < 0)
            throw (Errno)(-result) is Errno.ENOSPC or Errno.EDQUOT
                ? new FileLeftException(LeftReason.NoSpace, "attributes")
                : new FileLeftException(LeftReason.AttributesNotKept, $"{(Errno)(-result)}");
    }

    protected static void ReadExactly(FileDescriptor file, long offset, Span<byte> destination, LeftReason whenShort)
    {
        int count = FileLeftException.Require(SystemCallsFile.Read(file, offset, destination), "reading it");
        if (count < destination.Length)
            throw new FileLeftException(
                whenShort,
                whenShort == LeftReason.Failed ? "what was written is not there when it is read back" : "");
    }

    protected static void RequireEqual(ReadOnlySpan<byte> original, ReadOnlySpan<byte> readBack)
    {
        if (!original.SequenceEqual(readBack))
            throw new FileLeftException(
                LeftReason.Failed,
                "what was read back differs from the original (check this machine's memory and disk)");
    }
}
