using System.Runtime.InteropServices;
using System.Text;
using BenchmarkDotNet.Attributes;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Transport;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Benchmarks;

/// <summary>A request from its bytes to the bytes of its answer, without a kernel.</summary>
[MemoryDiagnoser]
public class WireBenchmarks
{
    private const int Entries = 100;

    private readonly byte[] _listing = new byte[64 * 1024];
    private readonly byte[] _name = Encoding.ASCII.GetBytes("a-name-of-a-file.c");
    private readonly byte[] _lookup = new byte[64];

    [GlobalSetup]
    public void MakeRequest() => _name.CopyTo(_lookup, 0);

    [Benchmark]
    public int ReadName() => new RequestReader(_lookup.AsSpan(0, _name.Length + 1)).Name().Bytes.Length;

    [Benchmark(OperationsPerInvoke = Entries)]
    public int WriteEntry()
    {
        var writer = new DirectoryWriter(_listing, plus: true);
        var entry = new FuseEntryOut { NodeId = 1, Attr = new FuseAttr { Ino = 1, Size = 1, Mode = 0x81A4 } };
        for (uint i = 0; i < Entries; i++)
            writer.TryAddPlus(_name, entry, 8, i);
        return writer.BytesWritten;
    }

    /// <summary>INIT once, then as many GETATTR as there are operations: read, dispatched, answered.</summary>
    [Benchmark(OperationsPerInvoke = Replay.Requests)]
    public int Answer()
    {
        var device = new Replay();
        using var session = new FuseSession(device, new Empty(), new SessionOptions { Threads = 1 });
        session.Run();
        return device.Answers;
    }

    private sealed class Empty : FuseFileSystem
    {
        public override int GetAttributes(in RequestContext context, ulong node, ulong handle,
            out FuseAttrOut attributes)
        {
            attributes = new FuseAttrOut { Attr = new FuseAttr { Ino = node } };
            return 0;
        }
    }

    /// <summary>A kernel that asks the same again and again, and then unmounts.</summary>
    private sealed class Replay : IFuseDevice
    {
        internal const int Requests = 100_000;

        private const uint Init = 26, GetAttr = 3;
        private const int InitBytes = 64, GetAttrBytes = 16, Kernel = 45;

        private int _sent;

        internal int Answers { get; private set; }

        public int Read(Span<byte> message)
        {
            int number = _sent++;
            if (number > Requests)
                return -(int)Errno.ENODEV;
            int length = FuseInHeader.Bytes + (number == 0 ? InitBytes : GetAttrBytes);
            message[..length].Clear();
            Span<uint> words = MemoryMarshal.Cast<byte, uint>(message);
            (words[0], words[1], words[2], words[4]) =
                ((uint)length, number == 0 ? Init : GetAttr, (uint)number + 1, 1);
            if (number == 0)
                (words[10], words[11], words[12]) = (7, Kernel, 128 * 1024);
            return length;
        }

        public int Write(ReadOnlySpan<byte> message)
        {
            Answers++;
            return 0;
        }

        public void WaitForInput(int timeoutMs)
        {
        }

        public int Control(uint command, Span<byte> argument) => -(int)Errno.ENOTTY;
    }
}
