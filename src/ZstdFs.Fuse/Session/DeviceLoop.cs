using System.Runtime.InteropServices;
using ZstdFs.Fuse.Transport;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>One thread's loop and its two buffers. Nothing is allocated per request.</summary>
internal sealed unsafe class DeviceLoop : IDisposable
{
    private const int PageBytes = (int)SessionOptions.PageBytes;

    // HeaderRoom holds the headers beside the data of the longest READ or WRITE. LeastBytes is for a small
    // MaxWriteBytes: the buffer must still hold a listing of 32 pages (a kernel without MAX_PAGES asks for that), and
    // an extended attribute with its name and the longest value, 64 KiB.
    private const int HeaderRoom = 2 * PageBytes;
    private const int LeastBytes = 32 * PageBytes;

    // The kernel refuses a reply with a larger error, and the op's caller would wait for ever.
    private const int LastErrno = 511;

    private const int IdlePollMs = 1000;

    /// <summary>Result of <see cref="Run"/>: this thread was one more than is needed.</summary>
    internal const int NotNeeded = 1;

    private readonly FuseSession _session;
    private readonly IFuseDevice _device;
    private readonly int _bufferBytes;
    private readonly byte* _request;
    private readonly byte* _replyPages;

    // The reply's header ends where a page ends: the data of a READ begins with the next page.
    private readonly byte* _reply;

    private int _isBusy;

    private readonly bool _isSpare;

    internal DeviceLoop(FuseSession session, bool isSpare)
    {
        (_session, _device, _isSpare) = (session, session.Device, isSpare);
        _bufferBytes = Math.Max(LeastBytes, (int)session.Options.MaxWriteBytes) + HeaderRoom;
        _request = (byte*)NativeMemory.AlignedAlloc((nuint)_bufferBytes, PageBytes);
        try
        {
            _replyPages = (byte*)NativeMemory.AlignedAlloc((nuint)(_bufferBytes + PageBytes), PageBytes);
        }
        catch (OutOfMemoryException)
        {
            NativeMemory.AlignedFree(_request);
            throw;
        }
        _reply = _replyPages + PageBytes - FuseOutHeader.Bytes;
    }

    /// <summary>The file system is at work for this thread, or may be soon.</summary>
    internal bool IsBusy => Volatile.Read(ref _isBusy) != 0;

    /// <summary>
    /// Serves until the device says that the mount is gone. Returns why, as 0 or −errno; or <see cref="NotNeeded"/>.
    /// </summary>
    internal int Run()
    {
        var request = new Span<byte>(_request, _bufferBytes);
        while (true)
        {
            int length = _device.Read(request);
            if (length > 0)
            {
                // A full barrier: see FuseSession.Stop.
                Interlocked.Exchange(ref _isBusy, 1);
                _session.NoteTaken();
                Handle(request[..length]);
                Volatile.Write(ref _isBusy, 0);
                if (_session.NoteDone(_isSpare))
                    return NotNeeded;
            }
            else if (length == -(int)Errno.EAGAIN)
                _device.WaitForInput(IdlePollMs); // the descriptor was made non-blocking
            // ENOENT: the request was interrupted before it could be read.
            else if (length is not (-(int)Errno.EINTR or -(int)Errno.ENOENT))
                return length; // ENODEV: unmounted. 0: a scripted peer hung up.
        }
    }

    private void Handle(ReadOnlySpan<byte> message)
    {
        // Too short: there is no request number to answer.
        if (message.Length < FuseInHeader.Bytes)
            return;
        FuseInHeader header = MemoryMarshal.Read<FuseInHeader>(message);
        ReadOnlySpan<byte> body = message[FuseInHeader.Bytes..];
        // Extensions follow the body. The session asks for none, so it reads none.
        int extensionBytes = header.TotalExtensionLength * sizeof(ulong);
        bool isWhole = header.Length == message.Length && extensionBytes <= body.Length;
        body = isWhole ? body[..^extensionBytes] : default;
        var request = new Request
        {
            FileSystem = _session.FileSystem,
            Context = new RequestContext(header.Unique, header.Uid, header.Gid, header.Pid),
            Opcode = header.Opcode,
            Node = header.NodeId,
            Body = new RequestReader(body),
            Reply = new Span<byte>(_reply, _bufferBytes)[FuseOutHeader.Bytes..],
            Negotiated = _session.Negotiated,
        };
        int result = isWhole ? Answer(ref request) : Request.Malformed;
        if (IsNeverAnswered(header.Opcode))
            return;
        int sent = Send(header.Unique, result);
        if (header.Opcode == FuseOpcode.Init)
            _session.NoteInitAnswered(result, sent);
        if (sent < 0)
            NoteUndelivered(in request, body, result, sent);
    }

    private int Answer(ref Request request)
    {
        if (_session.IsStopping)
            return -(int)Errno.ENOTCONN;
        try
        {
            if (request.Opcode == FuseOpcode.Init)
                return _session.Initialize(ref request);
            int result = _session.IsInitialized ? Dispatcher.Dispatch(ref request) : -(int)Errno.EIO;
            return result >= -LastErrno
                ? result
                : throw new InvalidOperationException($"The file system answered {result}, which is no errno.");
        }
        catch (Exception exception)
        {
            _session.Report(request.Opcode, request.Node, exception);
            return -(int)Errno.EIO;
        }
    }

    private int Send(ulong unique, int result)
    {
        var header = new FuseOutHeader
        {
            Length = (uint)(FuseOutHeader.Bytes + Math.Max(0, result)),
            Error = Math.Min(0, result),
            Unique = unique,
        };
        var reply = new Span<byte>(_reply, (int)header.Length);
        MemoryMarshal.Write(reply, in header);
        return _device.Write(reply);
    }

    private void NoteUndelivered(in Request request, ReadOnlySpan<byte> body, int result, int sent)
    {
        try
        {
            if (result > 0)
                UndeliveredReply.TakeBack(in request, body, result);
        }
        catch (Exception exception)
        {
            _session.Report(request.Opcode, request.Node, exception);
        }
        // ENOENT: the caller gave up. ENODEV, EBADF: unmounted or closed meanwhile. EPIPE: a scripted peer hung up.
        if (sent is not (-(int)Errno.ENOENT or -(int)Errno.ENODEV or -(int)Errno.EBADF or -(int)Errno.EPIPE))
            _session.Report(
                request.Opcode, request.Node,
                new IOException($"The kernel refused an answer of {result} bytes: {(Errno)(-sent)}."));
    }

    private static bool IsNeverAnswered(FuseOpcode opcode) =>
        opcode is FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.Interrupt or FuseOpcode.NotifyReply;

    public void Dispose()
    {
        NativeMemory.AlignedFree(_request);
        NativeMemory.AlignedFree(_replyPages);
    }
}
