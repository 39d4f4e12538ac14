using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>How each request is taken apart.</summary>
internal sealed class RequestTests
{
    private RecordingFileSystem _fileSystem = null!;
    private ScriptedKernel _kernel = null!;

    [SetUp]
    public void Start()
    {
        _fileSystem = new RecordingFileSystem();
        _kernel = new ScriptedKernel(_fileSystem);
        _kernel.Init();
    }

    [TearDown]
    public void End() => _kernel.Dispose();

    [TestCaseSource(typeof(SampleRequest), nameof(SampleRequest.Answered))]
    public void Request_ReachesItsOp_AndIsAnswered(object sample)
    {
        var request = (SampleRequest)sample;
        int length = _kernel.Exchange(request.Opcode, SampleRequest.Node, request.Message, out int error);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(error, Is.Zero);
            Assert.That(length, Is.EqualTo(request.ReplyBytes));
            Assert.That(_fileSystem.TakeCalls(), Is.EqualTo(new[] { request.Call }));
        }
    }

    [TestCaseSource(typeof(SampleRequest), nameof(SampleRequest.Answered))]
    public void RequestThatNamesNoOwner_IsEoverflow_WhereItCreatesSomething(object sample)
    {
        var request = (SampleRequest)sample;
        bool creates = request.Opcode
            is FuseOpcode.Create or FuseOpcode.MkDir or FuseOpcode.MkNod or FuseOpcode.Symlink or FuseOpcode.TmpFile;
        foreach ((uint, uint) owner in new (uint, uint)[] { (~0u, ~0u), (~0u, 0u), (0u, ~0u) })
        {
            _kernel.Owner = owner;
            int error = _kernel.Error(request.Opcode, SampleRequest.Node, request.Message);
            Assert.That(error, Is.EqualTo(creates ? (int)Errno.EOVERFLOW : 0));
        }
        Assert.That(_fileSystem.TakeCalls(), Has.Length.EqualTo(creates ? 0 : 3));
    }

    [TestCaseSource(typeof(SampleRequest), nameof(SampleRequest.Unanswered))]
    public void RequestWithoutReply_ReachesItsOp_AndHasNone(object sample)
    {
        var request = (SampleRequest)sample;
        _kernel.Send(request.Opcode, SampleRequest.Node, request.Message);
        // The next reply must be the next request's.
        _kernel.Settle();
        Assert.That(string.Join(", ", _fileSystem.TakeCalls()), Is.EqualTo(request.Call));
    }

    [TestCaseSource(typeof(SampleRequest), nameof(SampleRequest.Answered))]
    public void TruncatedBody_IsEinval_AndReachesNoOp(object sample)
    {
        var request = (SampleRequest)sample;
        for (int length = 0; length < request.Message.Length; length++)
            Assert.That(_kernel.Error(request.Opcode, SampleRequest.Node, request.Message.AsSpan(0, length)),
                Is.EqualTo((int)Errno.EINVAL), $"{length} bytes");
        Assert.That(_fileSystem.TakeCalls(), Is.Empty);
    }

    [TestCaseSource(typeof(SampleRequest), nameof(SampleRequest.Unanswered))]
    public void TruncatedBodyWithoutReply_HasNone_AndReachesOpsForWhatIsWholeOnly(object sample)
    {
        var request = (SampleRequest)sample;
        for (int length = 0; length < request.Message.Length; length++)
            _kernel.Send(request.Opcode, SampleRequest.Node, request.Message.AsSpan(0, length));
        _kernel.Settle();
        Assert.That(_fileSystem.TakeCalls(), Has.All.EqualTo("Forget 8 1"));
    }

    [Test]
    public void EveryOpcode_HasASample()
    {
        FuseOpcode[] without = [FuseOpcode.Init, FuseOpcode.Destroy, FuseOpcode.NotifyReply,
            // What the kernel does itself or without.
            FuseOpcode.GetLk, FuseOpcode.SetLk, FuseOpcode.SetLkw, FuseOpcode.Bmap, FuseOpcode.SetupMapping,
                FuseOpcode.RemoveMapping];
        Assert.That(
            SampleRequest.Answered.Concat(SampleRequest.Unanswered).Select(sample => sample.Opcode).Concat(without),
            Is.EquivalentTo(Enum.GetValues<FuseOpcode>()));
    }

    [TestCase(7777u), TestCase((uint)FuseOpcode.SetLkw), TestCase((uint)FuseOpcode.Bmap), TestCase(0u)]
    public void UnknownOpcode_IsEnosys(uint opcode) =>
        Assert.That(_kernel.Error((FuseOpcode)opcode, SampleRequest.Node, new byte[64]), Is.EqualTo((int)Errno.ENOSYS));

    [TestCase(1), TestCase(-1), TestCase(1_000_000)]
    public void HeaderOfAnotherLength_IsEinval(int claimedExtraBytes)
    {
        _kernel.Send(FuseOpcode.GetAttr, SampleRequest.Node, new byte[16], claimedExtraBytes);
        _kernel.Receive(out int error);
        Assert.That(error, Is.EqualTo((int)Errno.EINVAL));
        _kernel.Send(FuseOpcode.Forget, SampleRequest.Node, new byte[8], claimedExtraBytes);
        _kernel.Settle();
        Assert.That(_fileSystem.TakeCalls(), Is.Empty);
    }

    [Test]
    public void LengthsBeyondTheBuffers_AreEinval()
    {
        byte[] write = Body.Write(44, 0, new byte[10]);
        BitConverter.TryWriteBytes(write.AsSpan(16), uint.MaxValue);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_kernel.Error(FuseOpcode.Write, 5, write), Is.EqualTo((int)Errno.EINVAL));
            Assert.That(_kernel.Error(FuseOpcode.Read, 5, Body.Read(44, 0, uint.MaxValue)),
                Is.EqualTo((int)Errno.EINVAL));
            Assert.That(_kernel.Error(FuseOpcode.ReadDirPlus, 5, Body.Read(44, 0, 1 << 30)),
                Is.EqualTo((int)Errno.EINVAL));
            Assert.That(_kernel.Error(FuseOpcode.GetXattr, 5, Body.Of(uint.MaxValue, 0u, "user.a")),
                Is.EqualTo((int)Errno.EINVAL));
            Assert.That(_kernel.Error(FuseOpcode.Ioctl, 5, Body.Of(44ul, 0u, 1u, 0ul, 0u, uint.MaxValue)),
                Is.EqualTo((int)Errno.EINVAL));
            Assert.That(_kernel.Error(FuseOpcode.SetXattr, 5, Body.Of(uint.MaxValue, 0, 0u, 0u, "user.a")),
                Is.EqualTo((int)Errno.EINVAL));
        }
        _kernel.Send(FuseOpcode.BatchForget, 0, Body.Of(uint.MaxValue, 0u));
        _kernel.Settle();
        Assert.That(_fileSystem.TakeCalls(), Is.Empty);
    }

    [Test]
    public void NegativeOffsets_AreRefused()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_kernel.Error(FuseOpcode.Read, 5, Body.Read(44, 1ul << 63, 10)), Is.EqualTo((int)Errno.EINVAL));
            Assert.That(_kernel.Error(FuseOpcode.Write, 5, Body.Write(44, ulong.MaxValue, new byte[1])),
                Is.EqualTo((int)Errno.EINVAL));
            // lseek(2) has a word of its own for it.
            Assert.That(_kernel.Error(FuseOpcode.Lseek, 5, Body.Of(44ul, 1ul << 63, 3u, 0u)),
                Is.EqualTo((int)Errno.ENXIO));
            Assert.That(_kernel.Error(FuseOpcode.Fallocate, 5, Body.Of(44ul, 0ul, 1ul << 63, 0u, 0u)),
                Is.EqualTo((int)Errno.EINVAL));
        }
        Assert.That(_fileSystem.TakeCalls(), Is.Empty);
    }

    [TestCase(""), TestCase("."), TestCase(".."), TestCase("a/b")]
    public void NameThatIsNoEntry_IsEinval(string name)
    {
        Assert.That(_kernel.Error(FuseOpcode.MkDir, 5, Body.Of(1u, 2u, name)), Is.EqualTo((int)Errno.EINVAL));
        Assert.That(_kernel.Error(FuseOpcode.Unlink, 5, Body.Of(name)), Is.EqualTo((int)Errno.EINVAL));
        Assert.That(_fileSystem.TakeCalls(), Is.Empty);
    }

    [Test]
    public void HostileBodies_AreRefusedAndTheSessionGoesOn()
    {
        var random = new Random(20);
        for (int i = 0; i < 20_000; i++)
        {
            var opcode = (FuseOpcode)random.Next(1, 60);
            if (opcode is FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.Interrupt or FuseOpcode.NotifyReply)
                continue;
            byte[] body = new byte[random.Next(0, 120)];
            random.NextBytes(body);
            Assert.That(_kernel.Error(opcode, SampleRequest.Node, body),
                Is.AnyOf(0, (int)Errno.EINVAL, (int)Errno.ENOSYS, (int)Errno.ENXIO));
        }
        Assert.That(_kernel.Error(FuseOpcode.GetAttr, SampleRequest.Node, new byte[16]), Is.Zero);
    }

    [Test]
    public void OpsOfABareFileSystem_AreEnosys_AndAFlushIsNot()
    {
        using var kernel = new ScriptedKernel(new BareFileSystem());
        kernel.Init();
        foreach (SampleRequest request in SampleRequest.Answered)
        {
            int expected = request.Opcode is FuseOpcode.Flush or FuseOpcode.Release or FuseOpcode.ReleaseDir ? 0
                : (int)Errno.ENOSYS;
            Assert.That(kernel.Error(request.Opcode, SampleRequest.Node, request.Message), Is.EqualTo(expected),
                $"{request}");
        }
    }

    private sealed class BareFileSystem : FuseFileSystem;
}
