using System.Buffers.Binary;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>A session whose kernel is this test: requests go in and replies come out over a socket pair.</summary>
internal sealed class ScriptedKernel : IDisposable
{
    private readonly FileDescriptor _kernel;
    private readonly FileDescriptor _device;
    private readonly FuseSession _session;
    private readonly byte[] _message = new byte[256 * 1024];
    private ulong _unique;

    internal ScriptedKernel(FuseFileSystem fileSystem, int threads = 1)
    {
        Assert.That(DeviceCalls.CreatePair(out _kernel, out _device), Is.Zero);
        _session = new FuseSession(_device, fileSystem, new SessionOptions { Threads = threads, MaxWriteBytes = 128 * 1024 });
        _session.Start();
    }

    /// <summary>INIT as a kernel of this minor version sends it, offering every flag.</summary>
    internal byte[] Init(uint minor)
    {
        byte[] body = new byte[64];
        BinaryPrimitives.WriteUInt32LittleEndian(body, 7);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(4), minor);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(8), 128 * 1024);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(12), minor >= 36 ? 0xFFFF_FFFF : 0xBFFF_FFFF);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), 0xFFFF_FFFF);
        return Ask(FuseOpcode.Init, 0, body, out _);
    }

    /// <summary>Sends a request and returns the body of its reply.</summary>
    internal byte[] Ask(FuseOpcode opcode, ulong node, ReadOnlySpan<byte> body, out int error)
    {
        int length = Exchange(opcode, node, body, out error);
        return _message.AsSpan(16, length).ToArray();
    }

    /// <summary>The same without allocating. Returns the length of the reply's body.</summary>
    internal int Exchange(FuseOpcode opcode, ulong node, ReadOnlySpan<byte> body, out int error)
    {
        Send(opcode, node, body);
        int length = DeviceCalls.Read(_kernel, _message);
        if (length < 16 || BinaryPrimitives.ReadUInt32LittleEndian(_message) != length || BinaryPrimitives.ReadUInt64LittleEndian(_message.AsSpan(8)) != _unique)
            throw new InvalidOperationException($"a reply of {length} bytes does not answer request {_unique}");
        error = -BinaryPrimitives.ReadInt32LittleEndian(_message.AsSpan(4));
        return length - 16;
    }

    internal void Send(FuseOpcode opcode, ulong node, ReadOnlySpan<byte> body)
    {
        Span<byte> header = _message.AsSpan(0, 40 + body.Length);
        header[..40].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(header, header.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)opcode);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], ++_unique);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], node);
        body.CopyTo(header[40..]);
        int result = DeviceCalls.Write(_kernel, header);
        if (result < 0)
            throw new InvalidOperationException($"the session does not take requests: {(Errno)(-result)}");
    }

    public void Dispose()
    {
        // The device reads 0 bytes, which ends the session.
        _kernel.Dispose();
        _session.Join();
        _session.Dispose();
        _device.Dispose();
    }
}
