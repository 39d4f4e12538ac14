using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

internal sealed class SessionTests
{
    [Test]
    public void WireStructs_HaveTheKernelsSizes()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Unsafe.SizeOf<FuseInHeader>(), Is.EqualTo(40));
            Assert.That(Unsafe.SizeOf<FuseOutHeader>(), Is.EqualTo(16));
            Assert.That(Unsafe.SizeOf<FuseInitOut>(), Is.EqualTo(64));
            Assert.That(Unsafe.SizeOf<FuseAttr>(), Is.EqualTo(88));
            Assert.That(Unsafe.SizeOf<FuseEntryOut>(), Is.EqualTo(128));
            Assert.That(Unsafe.SizeOf<FuseAttrOut>(), Is.EqualTo(104));
            Assert.That(Unsafe.SizeOf<FuseOpenOut>(), Is.EqualTo(16));
            Assert.That(Unsafe.SizeOf<FuseSetattrIn>(), Is.EqualTo(88));
            Assert.That(Unsafe.SizeOf<FuseKstatfs>(), Is.EqualTo(80));
            Assert.That(Unsafe.SizeOf<FuseStatx>(), Is.EqualTo(256));
            Assert.That(Unsafe.SizeOf<FuseStatxOut>(), Is.EqualTo(288));
            Assert.That((int)Marshal.OffsetOf<FuseAttr>(nameof(FuseAttr.Mode)), Is.EqualTo(60));
            Assert.That((int)Marshal.OffsetOf<FuseSetattrIn>(nameof(FuseSetattrIn.Mode)), Is.EqualTo(68));
            Assert.That((int)Marshal.OffsetOf<FuseStatx>(nameof(FuseStatx.Atime)), Is.EqualTo(64));
        }
    }

    [TestCase(31u, 31u)]
    [TestCase(45u, 45u)]
    [TestCase(99u, 45u)]
    public void Init_SettlesOnTheSmallerMinor_AndLeavesLocksToTheKernel(uint offered, uint expected)
    {
        using var kernel = new ScriptedKernel(new HelloFileSystem());
        byte[] reply = kernel.Init(offered);
        var settled = MemoryMarshal.Read<FuseInitOut>(reply);
        var flags = (InitFlags)(settled.Flags | (ulong)settled.Flags2 << 32);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(settled.Minor, Is.EqualTo(expected));
            Assert.That(settled.MaxWrite, Is.EqualTo(128 * 1024));
            Assert.That(flags & (InitFlags.PosixLocks | InitFlags.FlockLocks | InitFlags.WritebackCache | InitFlags.ExportSupport), Is.EqualTo((InitFlags)0));
            Assert.That(flags.HasFlag(InitFlags.AtomicOpenTruncate | InitFlags.MaxPages), Is.True);
            Assert.That(flags.HasFlag(InitFlags.NoExportSupport), Is.EqualTo(offered >= 36), "flags2 exists from 7.36 on");
        }
    }

    [Test]
    public void LookupAndRead_AnswerTheFile()
    {
        using var kernel = new ScriptedKernel(new HelloFileSystem());
        kernel.Init(45);
        byte[] entry = kernel.Ask(FuseOpcode.Lookup, 1, "hello\0"u8, out int error);
        Assert.That((error, BinaryPrimitives.ReadUInt64LittleEndian(entry)), Is.EqualTo((0, HelloFileSystem.FileNode)));
        Assert.That(kernel.Ask(FuseOpcode.Read, HelloFileSystem.FileNode, ReadBody(0, 4096), out _), Is.EqualTo(HelloFileSystem.Content.ToArray()));
        kernel.Ask(FuseOpcode.Lookup, 1, "other\0"u8, out error);
        Assert.That(error, Is.EqualTo((int)Errno.ENOENT));
    }

    [Test]
    public void AnException_IsEioForItsCallerAlone()
    {
        var fileSystem = new HelloFileSystem { BeforeRead = () => throw new InvalidOperationException("broken") };
        using var kernel = new ScriptedKernel(fileSystem);
        kernel.Init(45);
        kernel.Ask(FuseOpcode.Read, HelloFileSystem.FileNode, ReadBody(0, 4096), out int error);
        Assert.That(error, Is.EqualTo((int)Errno.EIO));
        kernel.Ask(FuseOpcode.GetAttr, HelloFileSystem.FileNode, new byte[16], out error);
        Assert.That(error, Is.Zero);
    }

    [Test]
    public void HostileBodies_AreRefusedAndTheSessionGoesOn()
    {
        using var kernel = new ScriptedKernel(new HelloFileSystem());
        kernel.Init(45);
        var random = new Random(20);
        for (int i = 0; i < 20_000; i++)
        {
            var opcode = (FuseOpcode)random.Next(1, 60);
            if (opcode is FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.Interrupt or FuseOpcode.NotifyReply)
                continue;
            byte[] body = new byte[random.Next(0, 120)];
            random.NextBytes(body);
            kernel.Ask(opcode, HelloFileSystem.FileNode, body, out _);
        }
        kernel.Ask(FuseOpcode.GetAttr, HelloFileSystem.FileNode, new byte[16], out int error);
        Assert.That(error, Is.Zero);
    }

    [Test]
    public void SteadyState_AllocatesNothingPerRequest()
    {
        using var kernel = new ScriptedKernel(new HelloFileSystem());
        kernel.Init(45);
        byte[] read = ReadBody(0, 4096), getattr = new byte[16], name = "hello\0"u8.ToArray();
        long Spent(int rounds)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < rounds; i++)
            {
                kernel.Exchange(FuseOpcode.Lookup, 1, name, out _);
                kernel.Exchange(FuseOpcode.GetAttr, HelloFileSystem.FileNode, getattr, out _);
                kernel.Exchange(FuseOpcode.Read, HelloFileSystem.FileNode, read, out _);
            }
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }
        Spent(2_000);
        // The runtime's own threads (tiered compilation) allocate beside us now and then: the best of several rounds is the session's share.
        long least = Enumerable.Range(0, 8).Min(_ => Spent(5_000));
        Assert.That(least, Is.LessThan(7_500), "managed bytes in 15,000 requests");
    }

    private static byte[] ReadBody(long offset, uint size)
    {
        byte[] body = new byte[40];
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(8), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), size);
        return body;
    }
}
