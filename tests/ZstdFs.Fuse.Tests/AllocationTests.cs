using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>
/// Managed memory that the session's own thread takes for a request, the file system's and this test's aside: none.
/// </summary>
internal sealed class AllocationTests
{
    private const int WarmUpRounds = 2_000, Rounds = 1_000, Measurements = 6;

    [Test]
    public void RequestsOfTheHotPath_AllocateNothing()
    {
        var fileSystem = new MeteredFileSystem();
        using var kernel = new ScriptedKernel(fileSystem, new SessionOptions { Threads = 1 });
        kernel.Init();
        FuseOpcode[] hot = [FuseOpcode.Lookup, FuseOpcode.GetAttr, FuseOpcode.Open, FuseOpcode.Read, FuseOpcode.Write,
            FuseOpcode.Flush, FuseOpcode.Release,
            FuseOpcode.Create, FuseOpcode.SetAttr, FuseOpcode.Statx, FuseOpcode.OpenDir, FuseOpcode.ReadDir,
                FuseOpcode.ReadDirPlus, FuseOpcode.ReleaseDir, FuseOpcode.GetXattr];
        SampleRequest[] samples = [.. SampleRequest.Answered.Where(sample => hot.Contains(sample.Opcode))];
        Assert.That(samples, Has.Length.EqualTo(hot.Length));
        byte[] batch = Body.Of(2u, 0u, 8ul, 1ul, 9ul, 4ul), forget = Body.Of(1ul);
        Drive(WarmUpRounds);
        long[] allocated = new long[Measurements];
        for (int i = 0; i < Measurements; i++)
        {
            fileSystem.Begin();
            Drive(Rounds);
            Assert.That(fileSystem.Requests, Is.EqualTo((long)Rounds * (samples.Length + 3)), "ops that were measured");
            allocated[i] = fileSystem.Allocated;
        }
        // The runtime makes an object of its own on this thread now and then, such as when it replaces code by a faster
        // version. What a request takes is in every measurement.
        Assert.That(allocated.Min(), Is.Zero,
            $"bytes in {fileSystem.Requests} requests: {string.Join(", ", allocated)}");

        void Drive(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                foreach (SampleRequest sample in samples)
                {
                    kernel.Exchange(sample.Opcode, SampleRequest.Node, sample.Message, out int error);
                    if (error != 0)
                        Assert.Fail($"{sample} is answered {(Errno)error}");
                }
                kernel.Send(FuseOpcode.Forget, 5, forget);
                kernel.Send(FuseOpcode.BatchForget, 0, batch);
            }
            kernel.Settle();
        }
    }

    // Each op notes what its thread has allocated so far: between two ops lies one whole request.
    private sealed class MeteredFileSystem : FuseFileSystem
    {
        private long _before;

        internal long Requests { get; private set; }

        internal long Allocated { get; private set; }

        /// <summary>Begins a measurement, while no request is under way.</summary>
        internal void Begin() => (_before, Requests, Allocated) = (-1, 0, 0);

        private int Note(int result = 0)
        {
            long now = GC.GetAllocatedBytesForCurrentThread();
            if (_before < 0)
                _before = now;
            Allocated = now - _before;
            Requests++;
            return result;
        }

        public override int Lookup(in RequestContext context, ulong parent, NativeName name, out FuseEntryOut entry)
        {
            entry = new FuseEntryOut { NodeId = 7 };
            return Note();
        }

        public override void Forget(ulong node, ulong lookups) => Note();

        public override int GetAttributes(in RequestContext context, ulong node, ulong handle,
            out FuseAttrOut attributes)
        {
            attributes = default;
            return Note();
        }

        public override int SetAttributes(in RequestContext context, ulong node, in FuseSetattrIn change,
            out FuseAttrOut attributes)
        {
            attributes = default;
            return Note();
        }

        public override int Statx(in RequestContext context, ulong node, ulong handle, uint flags, uint mask,
            out FuseStatxOut attributes)
        {
            attributes = default;
            return Note();
        }

        public override int Open(in RequestContext context, ulong node, int flags, bool killSuidSgid,
            out FuseOpenOut reply)
        {
            reply = default;
            return Note();
        }

        public override int Create(in RequestContext context, ulong parent, NativeName name, int flags, uint mode,
            uint umask, out FuseEntryOut entry, out FuseOpenOut reply)
        {
            (entry, reply) = (default, default);
            return Note();
        }

        public override int Read(in RequestContext context, ulong node, ulong handle, long offset,
            Span<byte> destination) => Note(destination.Length);

        public override int Write(
            in RequestContext context, ulong node, ulong handle, long offset, ReadOnlySpan<byte> data, WriteFlags flags,
                int openFlags) =>
            Note(data.Length);

        public override int Flush(in RequestContext context, ulong node, ulong handle, ulong lockOwner) => Note();

        public override void Release(in RequestContext context, ulong node, ulong handle, int flags) => Note();

        public override int OpenDirectory(in RequestContext context, ulong node, int flags, out FuseOpenOut reply)
        {
            reply = default;
            return Note();
        }

        public override int ReadDirectory(in RequestContext context, ulong node, ulong handle, ulong offset,
            ref DirectoryWriter writer)
        {
            writer.TryAdd("name"u8, 7, FileType.EntryRegular, 1);
            return Note();
        }

        public override void ReleaseDirectory(in RequestContext context, ulong node, ulong handle) => Note();

        public override int GetExtendedAttribute(in RequestContext context, ulong node, NativeName name,
            Span<byte> value) => Note();
    }
}
