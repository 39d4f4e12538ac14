using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>One thread's loop and its two buffers. Nothing is allocated per request.</summary>
internal sealed unsafe class DeviceLoop : IDisposable
{
    // Room beside the data of the largest WRITE or READ for the headers.
    private const int HeaderRoom = 8192;

    private readonly FuseSession _session;
    private readonly int _bufferBytes;
    private readonly byte* _request;
    private readonly byte* _reply;

    internal DeviceLoop(FuseSession session)
    {
        _session = session;
        _bufferBytes = (int)session.Options.MaxWriteBytes + HeaderRoom;
        _request = (byte*)NativeMemory.AlignedAlloc((nuint)_bufferBytes, 4096);
        _reply = (byte*)NativeMemory.AlignedAlloc((nuint)_bufferBytes, 4096);
    }

    internal void Run()
    {
        var request = new Span<byte>(_request, _bufferBytes);
        while (true)
        {
            int length = DeviceCalls.Read(_session.Device, request);
            // ENOENT: the request was interrupted before it could be read.
            if (length is -(int)Errno.EINTR or -(int)Errno.EAGAIN or -(int)Errno.ENOENT)
                continue;
            // ENODEV: unmounted. Anything else: the connection is of no use any more. 0: a scripted peer hung up.
            if (length <= 0)
                return;
            if (length >= sizeof(FuseInHeader))
                Handle(request[..length]);
        }
    }

    private void Handle(Span<byte> request)
    {
        FuseInHeader header = MemoryMarshal.Read<FuseInHeader>(request);
        var dispatcher = new Dispatcher(_session, header, new RequestReader(request[sizeof(FuseInHeader)..]), new Span<byte>(_reply, _bufferBytes)[FuseOutHeader.Bytes..]);
        int result;
        try
        {
            result = dispatcher.Dispatch();
        }
        catch (Exception exception)
        {
            _session.Options.OnFailure?.Invoke(header.Opcode, header.NodeId, exception);
            result = -(int)Errno.EIO;
        }
        if (result == Dispatcher.NoReply)
            return;
        int sent = Reply(header.Unique, result);
        if (header.Opcode == FuseOpcode.Init && result > 0)
            _session.NoteServing();
        // The kernel gave the request up (its caller was killed): it will never send FORGET or RELEASE for what the answer carried.
        if (sent < 0 && result > 0)
            dispatcher.TakeBack();
    }

    private int Reply(ulong unique, int result)
    {
        var header = new FuseOutHeader
        {
            Length = (uint)(FuseOutHeader.Bytes + Math.Max(0, result)),
            Error = Math.Min(0, result),
            Unique = unique,
        };
        var reply = new Span<byte>(_reply, (int)header.Length);
        MemoryMarshal.Write(reply, in header);
        return DeviceCalls.Write(_session.Device, reply);
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_request);
        NativeMemory.AlignedFree(_reply);
    }
}
