using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Transport;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>A session whose kernel is this test: requests go in and replies come out over a socket pair.</summary>
internal sealed class ScriptedKernel : IDisposable
{
    internal const ulong AllFlags = 0xFFFF_FFFF_FFFF_FFFF;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private const int PatienceMs = 20_000;

    private readonly FileDescriptor _kernel;
    private readonly FileDescriptor _device;
    private readonly byte[] _message = new byte[2 * 1024 * 1024];
    private ulong _unique;

    /// <summary>User and group that requests name.</summary>
    internal (uint User, uint Group) Owner { get; set; } = (1000, 0);

    /// <summary>A session that runs; one thread and writes of 128 KiB unless the options say otherwise.</summary>
    internal ScriptedKernel(FuseFileSystem fileSystem, SessionOptions? options = null, bool start = true)
    {
        Assert.That(DeviceCalls.CreatePair(out _kernel, out _device), Is.Zero);
        Device = new FaultyDevice(new FuseDevice(_device));
        Session = new FuseSession(Device, fileSystem,
            options ?? new SessionOptions { Threads = 1, MaxWriteBytes = 128 * 1024 });
        if (start)
            Session.Start();
    }

    internal FuseSession Session { get; }

    internal FaultyDevice Device { get; }

    /// <summary>What the session tells of itself is passed over while a reply is waited for.</summary>
    internal bool PassesNotificationsOver { get; init; }

    /// <summary>
    /// INIT as a kernel of this minor version sends it, offering every flag that it can but the ones left out.
    /// </summary>
    internal FuseInitOut Init(uint minor = 45, InitFlags without = 0)
    {
        byte[] reply = Ask(FuseOpcode.Init, 0, InitBody(7, minor, AllFlags & ~(ulong)without), out int error);
        Assert.That((error, reply.Length), Is.EqualTo((0, 64)));
        return MemoryMarshal.Read<FuseInitOut>(reply);
    }

    /// <summary>The body of INIT: 16 bytes before 7.36, 64 since.</summary>
    internal static byte[] InitBody(uint major, uint minor, ulong flags) => minor >= 36
        ? Body.Of(major, minor, 128u * 1024, (uint)flags, (uint)(flags >> 32), new byte[44])
        : Body.Of(major, minor, 128u * 1024, (uint)flags & ~(uint)InitFlags.InitExt);

    /// <summary>
    /// Sends a request and returns the body of its reply; <paramref name="error"/> is a positive errno.
    /// </summary>
    internal byte[] Ask(FuseOpcode opcode, ulong node, ReadOnlySpan<byte> body, out int error)
    {
        int length = Exchange(opcode, node, body, out error);
        return _message.AsSpan(16, length).ToArray();
    }

    /// <summary>The errno of a request's reply, 0 for success.</summary>
    internal int Error(FuseOpcode opcode, ulong node, ReadOnlySpan<byte> body)
    {
        Exchange(opcode, node, body, out int error);
        return error;
    }

    /// <summary>The same without allocating. Returns the length of the reply's body.</summary>
    internal int Exchange(FuseOpcode opcode, ulong node, ReadOnlySpan<byte> body, out int error)
    {
        Send(opcode, node, body);
        return Receive(out error);
    }

    internal void Send(FuseOpcode opcode, ulong node, ReadOnlySpan<byte> body, int claimedExtraBytes = 0)
    {
        Span<byte> header = _message.AsSpan(0, 40 + body.Length);
        header[..40].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(header, header.Length + claimedExtraBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)opcode);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], ++_unique);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], node);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], Owner.User);
        BinaryPrimitives.WriteUInt32LittleEndian(header[28..], Owner.Group);
        body.CopyTo(header[40..]);
        int result = DeviceCalls.Write(_kernel, header);
        if (result < 0)
            throw new InvalidOperationException($"the session does not take requests: {(Errno)(-result)}");
    }

    /// <summary>The reply to the request sent last. Returns the length of its body.</summary>
    internal int Receive(out int error)
    {
        int length;
        do
        {
            if (DeviceCalls.WaitForInput(_kernel, PatienceMs) <= 0)
                throw new TimeoutException($"no reply to request {_unique}");
            length = DeviceCalls.Read(_kernel, _message);
        }
        while (PassesNotificationsOver && length >= 16
            && BinaryPrimitives.ReadUInt64LittleEndian(_message.AsSpan(8)) == 0);
        if (length < 16 || BinaryPrimitives.ReadUInt32LittleEndian(_message) != length
            || BinaryPrimitives.ReadUInt64LittleEndian(_message.AsSpan(8)) != _unique)
            throw new InvalidOperationException($"a reply of {length} bytes does not answer request {_unique}");
        error = -BinaryPrimitives.ReadInt32LittleEndian(_message.AsSpan(4));
        return length - 16;
    }

    /// <summary>Returns when everything sent before has been dealt with, by a session of one thread.</summary>
    internal void Settle() => Assert.That(Error(FuseOpcode.Destroy, 0, []), Is.Zero);

    /// <summary>A message that the session sent of itself.</summary>
    internal byte[] ReceiveNotification()
    {
        Assert.That(DeviceCalls.WaitForInput(_kernel, PatienceMs), Is.GreaterThan(0));
        return _message[..DeviceCalls.Read(_kernel, _message)];
    }

    /// <summary>The device reads 0 bytes, which ends the session.</summary>
    internal void HangUp()
    {
        _kernel.Dispose();
        Join();
    }

    internal void Join() => Assert.That(Task.Run(Session.Join).Wait(Patience), Is.True, "the session ends");

    public void Dispose()
    {
        _kernel.Dispose();
        Join();
        Session.Dispose();
        _device.Dispose();
    }
}
