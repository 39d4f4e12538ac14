using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>Ops on open files.</summary>
internal static class FileOps
{
    internal static int Open(ref Request request)
    {
        FuseOpenIn open = request.Body.Read<FuseOpenIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return request.Answer(
            request.FileSystem.Open(
                request.Context, request.Node, open.Flags, open.KillSuidSgid, out FuseOpenOut reply),
            reply);
    }

    internal static int Create(ref Request request)
    {
        FuseCreateIn create = request.Body.Read<FuseCreateIn>();
        NativeName name = request.Body.Name();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        int result = request.FileSystem.Create(
            request.Context, request.Node, name, create.Flags, create.Mode, create.Umask,
            out FuseEntryOut entry, out FuseOpenOut open);
        return AnswerOpened(in request, result, entry, open);
    }

    internal static int TmpFile(ref Request request)
    {
        FuseCreateIn create = request.Body.Read<FuseCreateIn>();
        _ = request.Body.Text(); // a file without a name has "/" here
        if (request.Body.IsMalformed)
            return Request.Malformed;
        int result = request.FileSystem.TemporaryFile(
            request.Context, request.Node, create.Flags, create.Mode, create.Umask,
            out FuseEntryOut entry, out FuseOpenOut open);
        return AnswerOpened(in request, result, entry, open);
    }

    internal static int Read(ref Request request)
    {
        FuseReadIn read = request.Body.Read<FuseReadIn>();
        long offset = request.Body.Offset(read.Offset);
        if (request.Body.IsMalformed || read.Size > request.Reply.Length)
            return Request.Malformed;
        return Request.Count(
            request.FileSystem.Read(
                request.Context, request.Node, read.Handle, offset, request.Reply[..(int)read.Size]),
            read.Size);
    }

    internal static int Write(ref Request request)
    {
        FuseWriteIn write = request.Body.Read<FuseWriteIn>();
        long offset = request.Body.Offset(write.Offset);
        ReadOnlySpan<byte> data = request.Body.Bytes(write.Size);
        if (request.Body.IsMalformed)
            return Request.Malformed;
        int result = request.FileSystem.Write(
            request.Context, request.Node, write.Handle, offset, data, write.WriteFlags, (int)write.Flags);
        int written = Request.Count(result, data.Length);
        return request.Answer(written, new FuseWriteOut { Size = (uint)Math.Max(0, written) });
    }

    internal static int Flush(ref Request request)
    {
        FuseFlushIn flush = request.Body.Read<FuseFlushIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        int result = request.FileSystem.Flush(request.Context, request.Node, flush.Handle, flush.LockOwner);
        // After ENOSYS the kernel sends no FLUSH any more, and the daemon would not hear of any close.
        return result == -(int)Errno.ENOSYS ? 0 : Request.Status(result);
    }

    internal static int Release(ref Request request)
    {
        FuseReleaseIn release = request.Body.Read<FuseReleaseIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        request.FileSystem.Release(request.Context, request.Node, release.Handle, release.Flags);
        return 0;
    }

    internal static int Fsync(ref Request request)
    {
        FuseFsyncIn sync = request.Body.Read<FuseFsyncIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return Request.Status(
            request.FileSystem.Synchronize(request.Context, request.Node, sync.Handle, sync.DataOnly));
    }

    internal static int SyncFs(ref Request request)
    {
        request.Body.Read<FuseSyncfsIn>();
        return request.Body.IsMalformed
            ? Request.Malformed
            : Request.Status(request.FileSystem.SynchronizeFileSystem(request.Context, request.Node));
    }

    internal static int Fallocate(ref Request request)
    {
        FuseFallocateIn allocate = request.Body.Read<FuseFallocateIn>();
        long offset = request.Body.Offset(allocate.Offset), length = request.Body.Offset(allocate.Length);
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return Request.Status(request.FileSystem.Allocate(
            request.Context, request.Node, allocate.Handle, offset, length, allocate.Mode));
    }

    internal static int Lseek(ref Request request)
    {
        FuseLseekIn seek = request.Body.Read<FuseLseekIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        // The kernel passes on a negative offset. No file has data there.
        long offset = (long)seek.Offset, result = -(int)Errno.ENXIO;
        if (offset >= 0)
            result = request.FileSystem.Seek(request.Context, request.Node, seek.Handle, offset, seek.Whence);
        return request.Answer(Request.Status(result), result);
    }

    internal static int CopyFileRange(ref Request request)
    {
        // This op's answer has 32 bits. The caller asks again for the rest of a shorter copy.
        long copied = Copy(ref request, int.MaxValue & ~4095);
        return request.Answer(Request.Status(copied), new FuseWriteOut { Size = (uint)Math.Max(0, copied) });
    }

    internal static int CopyFileRange64(ref Request request)
    {
        long copied = Copy(ref request, long.MaxValue);
        return request.Answer(Request.Status(copied), copied);
    }

    internal static int Ioctl(ref Request request)
    {
        FuseIoctlIn control = request.Body.Read<FuseIoctlIn>();
        ReadOnlySpan<byte> input = request.Body.Bytes(control.InSize);
        int head = Unsafe.SizeOf<FuseIoctlOut>();
        if (request.Body.IsMalformed || control.OutSize > request.Reply.Length - head)
            return Request.Malformed;
        Span<byte> output = request.Reply.Slice(head, (int)control.OutSize);
        // Bytes that the file system does not fill must not show an earlier answer to the caller.
        output.Clear();
        int result = request.FileSystem.IoControl(
            request.Context, request.Node, control.Handle, control.Flags, control.Command, control.Argument,
            input, output);
        return result < 0 ? result : request.Answer(0, new FuseIoctlOut { Result = result }) + output.Length;
    }

    internal static int Poll(ref Request request)
    {
        FusePollIn poll = request.Body.Read<FusePollIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        int result = request.FileSystem.Poll(
            request.Context, request.Node, poll.Handle, poll.KernelHandle, poll.Flags, poll.Events, out uint ready);
        return request.Answer(result, new FusePollOut { ReadyEvents = ready });
    }

    internal static int Interrupt(ref Request request)
    {
        ulong unique = request.Body.Read<FuseInterruptIn>().Unique;
        if (!request.Body.IsMalformed)
            request.FileSystem.Interrupt(unique);
        return 0;
    }

    private static int AnswerOpened(in Request request, int result, in FuseEntryOut entry, in FuseOpenOut open)
    {
        if (result < 0)
            return result;
        int entryBytes = Unsafe.SizeOf<FuseEntryOut>();
        MemoryMarshal.Write(request.Reply, in entry);
        MemoryMarshal.Write(request.Reply[entryBytes..], in open);
        return entryBytes + Unsafe.SizeOf<FuseOpenOut>();
    }

    private static long Copy(ref Request request, long most)
    {
        FuseCopyFileRangeIn copy = request.Body.Read<FuseCopyFileRangeIn>();
        long offsetIn = request.Body.Offset(copy.OffsetIn), offsetOut = request.Body.Offset(copy.OffsetOut);
        if (request.Body.IsMalformed)
            return Request.Malformed;
        long length = (long)Math.Min(copy.Length, (ulong)most);
        long copied = request.FileSystem.CopyFileRange(
            request.Context, request.Node, copy.HandleIn, offsetIn, copy.NodeOut, copy.HandleOut, offsetOut,
            length, copy.Flags);
        if (copied > length)
            throw new InvalidOperationException(
                $"The file system copied {copied} bytes where {length} were asked for.");
        return copied;
    }
}
