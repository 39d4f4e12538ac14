using System.Collections.Concurrent;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>What becomes of what the file system results in.</summary>
internal sealed class AnswerTests
{
    private readonly ConcurrentQueue<string> _told = new();
    private RecordingFileSystem _fileSystem = null!;
    private ScriptedKernel _kernel = null!;

    [SetUp]
    public void Start()
    {
        _told.Clear();
        _fileSystem = new RecordingFileSystem();
        _kernel = new ScriptedKernel(_fileSystem, new SessionOptions
        {
            Threads = 1,
            OnFailure = (op, node, exception) => _told.Enqueue($"{op} {node} {exception.GetType().Name}"),
        });
        _kernel.Init();
    }

    [TearDown]
    public void End() => _kernel.Dispose();

    private static IEnumerable<TestCaseData> Counts()
    {
        yield return new TestCaseData(FuseOpcode.Read, Body.Read(44, 0, 100), 100);
        yield return new TestCaseData(FuseOpcode.Write, Body.Write(44, 0, new byte[100]), 100);
        yield return new TestCaseData(FuseOpcode.GetXattr, Body.Of(100u, 0u, "user.a"), 100);
        yield return new TestCaseData(FuseOpcode.ListXattr, Body.Of(100u, 0u), 100);
        yield return new TestCaseData(FuseOpcode.ReadLink, Array.Empty<byte>(), 4095);
        yield return new TestCaseData(FuseOpcode.CopyFileRange, Body.Of(44ul, 1ul, 6ul, 45ul, 2ul, 100ul, 0ul), 100);
    }

    [TestCaseSource(nameof(Counts))]
    public void CountLargerThanAsked_IsEio(object opcode, byte[] body, int asked)
    {
        _fileSystem.Result = _ => asked + 1;
        Assert.That(_kernel.Error((FuseOpcode)opcode, 5, body), Is.EqualTo((int)Errno.EIO));
        Assert.That(_told, Is.EqualTo(new[] { $"{opcode} 5 InvalidOperationException" }));
        _fileSystem.Result = _ => asked;
        Assert.That(_kernel.Error((FuseOpcode)opcode, 5, body), Is.Zero);
    }

    // The others result in nothing, or have entries to deliver first.
    private static IEnumerable<SampleRequest> WithResult() => SampleRequest.Answered.Where(request =>
        request.Opcode is not (FuseOpcode.Release or FuseOpcode.ReleaseDir or FuseOpcode.ReadDir
            or FuseOpcode.ReadDirPlus));

    [TestCaseSource(nameof(WithResult))]
    public void Errno_IsPassedOn_AndWhatIsNone_IsEio(object sample)
    {
        var request = (SampleRequest)sample;
        foreach ((long result, int expected) in new[] { (-1L, 1), (-2, 2), (-511, 511), (-512, 5), (-4095, 5),
            (int.MinValue, 5) })
        {
            _fileSystem.Result = _ => result;
            Assert.That(_kernel.Error(request.Opcode, SampleRequest.Node, request.Message), Is.EqualTo(expected),
                $"{result}");
        }
        Assert.That(_told, Has.Count.EqualTo(3));
    }

    [TestCase(FuseOpcode.Lseek), TestCase(FuseOpcode.CopyFileRange)]
    public void ErrorBeyond32Bits_IsEio(FuseOpcode opcode)
    {
        _fileSystem.Result = _ => -1L << 40;
        Assert.That(_kernel.Error(opcode, 5, SampleRequest.Answered.Single(sample => sample.Opcode == opcode).Message),
            Is.EqualTo((int)Errno.EIO));
    }

    [Test]
    public void SeekBeyond32Bits_IsAnsweredWhole()
    {
        _fileSystem.Result = _ => 1L << 40;
        byte[] reply = _kernel.Ask(FuseOpcode.Lseek, 5, Body.Of(44ul, 10ul, 3u, 0u), out int error);
        Assert.That((error, BitConverter.ToInt64(reply)), Is.EqualTo((0, 1L << 40)));
    }

    [TestCaseSource(typeof(SampleRequest), nameof(SampleRequest.Answered))]
    public void Exception_IsEioForItsCallerAlone_AndTold(object sample)
    {
        var request = (SampleRequest)sample;
        _fileSystem.Result = op => op == FuseOpcode.Forget ? 0 : throw new InvalidDataException("broken");
        Assert.That(_kernel.Error(request.Opcode, SampleRequest.Node, request.Message), Is.EqualTo((int)Errno.EIO));
        Assert.That(_told, Is.EqualTo(new[] { $"{request.Opcode} 5 InvalidDataException" }));
        _fileSystem.Result = null;
        Assert.That(_kernel.Error(request.Opcode, SampleRequest.Node, request.Message), Is.Zero);
    }

    [Test]
    public void ThrowingForget_HasNoReply_AndKeepsNoOtherReference()
    {
        _fileSystem.Result = op => op == FuseOpcode.Forget ? throw new InvalidDataException("broken") : 0;
        _kernel.Send(FuseOpcode.Forget, 5, Body.Of(1ul));
        _kernel.Send(FuseOpcode.BatchForget, 0, Body.Of(2u, 0u, 8ul, 1ul, 9ul, 4ul));
        _kernel.Settle();
        Assert.That(_fileSystem.TakeCalls(), Is.EqualTo(new[] { "Forget 5 1", "Forget 8 1", "Forget 9 4" }));
        Assert.That(_told, Is.EqualTo(new[] { "Forget 5 InvalidDataException", "BatchForget 0 InvalidDataException" }));
    }

    [Test]
    public void ThrowingOnFailure_EndsNothing()
    {
        using var kernel = new ScriptedKernel(_fileSystem,
            new SessionOptions { Threads = 1,
                OnFailure = (_, _, _) => throw new InvalidOperationException("the telling fails too") });
        kernel.Init();
        _fileSystem.Result = _ => throw new InvalidDataException("broken");
        Assert.That(kernel.Error(FuseOpcode.GetAttr, 5, new byte[16]), Is.EqualTo((int)Errno.EIO));
        _fileSystem.Result = null;
        Assert.That(kernel.Error(FuseOpcode.GetAttr, 5, new byte[16]), Is.Zero);
    }

    [Test]
    public void ListingThatFailsAfterEntries_DeliversThem()
    {
        _fileSystem.Result = _ => -(int)Errno.EIO;
        Assert.That(_kernel.Exchange(FuseOpcode.ReadDirPlus, 5, Body.Read(44, 0, 4096), out int error),
            Is.GreaterThan(0));
        Assert.That(error, Is.Zero);
    }

    [Test]
    public void ListingThatThrowsAfterEntries_GivesTheirReferencesBack()
    {
        _fileSystem.Result = op => op == FuseOpcode.ReadDirPlus ? throw new InvalidDataException("broken") : 0;
        Assert.That(_kernel.Error(FuseOpcode.ReadDirPlus, 5, Body.Read(44, 0, 4096)), Is.EqualTo((int)Errno.EIO));
        Assert.That(_fileSystem.TakeCalls(), Is.EqualTo(new[] { "ReadDirPlus 5 44 0", "Forget 71 1", "Forget 72 1" }));
    }

    [Test]
    public void IoctlOutput_ShowsNothingOfEarlierAnswers()
    {
        _fileSystem.Result = _ => 100;
        byte[] full = new byte[100];
        Array.Fill(full, (byte)0xEE);
        _kernel.Error(FuseOpcode.Ioctl, 5, Body.Of(44ul, 0u, 1u, 0ul, 100u, 100u, full));
        byte[] reply = _kernel.Ask(FuseOpcode.Ioctl, 5, Body.Of(44ul, 0u, 1u, 0ul, 3u, 8u, "abc"u8.ToArray()), out _);
        Assert.That(reply, Is.EqualTo(Body.Of(100, 0u, 0u, 0u, "abc\0\0\0\0\0"u8.ToArray())));
    }
}
