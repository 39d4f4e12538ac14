using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Disks;

/// <summary>
/// A disk of which the part with data fails when it is told to, and works again when it is told to: what became of
/// ext4's own blocks would be ext4's affair.
/// </summary>
internal sealed class FailingDisk(byte[] content) : RecordedDisk(content)
{
    /// <summary>Before it there are ext4's own blocks, when it was made so: data lies behind.</summary>
    internal const int FirstDataByte = 1024 * 1024;

    private long _refusals;

    internal volatile bool RefusesWrites;
    internal volatile bool RefusesReads;

    /// <summary>Requests that were refused.</summary>
    internal long Refusals => Interlocked.Read(ref _refusals);

    public override int Open(in RequestContext context, ulong node, int flags, bool killSuidSgid, out FuseOpenOut reply)
    {
        // Every read of the disk comes here.
        reply = new FuseOpenOut { OpenFlags = OpenReplyFlags.DirectIo };
        return 0;
    }

    public override int Read(in RequestContext context, ulong node, ulong handle, long offset,
        Span<byte> destination) =>
        RefusesReads && offset >= FirstDataByte ? Refuse() : base.Read(context, node, handle, offset, destination);

    public override int Write(
        in RequestContext context, ulong node, ulong handle, long offset, ReadOnlySpan<byte> data, WriteFlags flags,
            int openFlags) =>
        RefusesWrites && offset >= FirstDataByte ? Refuse()
            : base.Write(context, node, handle, offset, data, flags, openFlags);

    private int Refuse()
    {
        Interlocked.Increment(ref _refusals);
        return -(int)Errno.EIO;
    }
}
