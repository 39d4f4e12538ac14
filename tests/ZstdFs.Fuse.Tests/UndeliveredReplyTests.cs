using System.Collections.Concurrent;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>Answers that the kernel does not take any more (ENOENT), because their callers were killed.</summary>
internal sealed class UndeliveredReplyTests
{
    private readonly ConcurrentQueue<string> _told = new();
    private RecordingFileSystem _fileSystem = null!;
    private ScriptedKernel _kernel = null!;

    [SetUp]
    public void Start()
    {
        _told.Clear();
        _fileSystem = new RecordingFileSystem();
        _kernel = new ScriptedKernel(_fileSystem,
            new SessionOptions { Threads = 1,
                OnFailure = (op, _, exception) => _told.Enqueue($"{op} {exception.GetType().Name}") });
        _kernel.Init();
    }

    [TearDown]
    public void End() => _kernel.Dispose();

    [TestCase(FuseOpcode.Lookup, "Forget 70 1")]
    [TestCase(FuseOpcode.MkNod, "Forget 70 1")]
    [TestCase(FuseOpcode.MkDir, "Forget 70 1")]
    [TestCase(FuseOpcode.Symlink, "Forget 70 1")]
    [TestCase(FuseOpcode.Link, "Forget 70 1")]
    [TestCase(FuseOpcode.Create, "Release 70 90 2", "Forget 70 1")]
    [TestCase(FuseOpcode.TmpFile, "Release 70 90 2", "Forget 70 1")]
    [TestCase(FuseOpcode.Open, "Release 5 90 2")]
    [TestCase(FuseOpcode.OpenDir, "ReleaseDir 5 90")]
    [TestCase(FuseOpcode.ReadDirPlus, "Forget 71 1", "Forget 72 1")]
    public void WhatTheAnswerCarried_IsGivenBack(FuseOpcode opcode, params string[] expected)
    {
        Lose(opcode, -(int)Errno.ENOENT);
        Assert.That(_fileSystem.TakeCalls()[1..], Is.EqualTo(expected));
        Assert.That(_told, Is.Empty, "nothing is wrong");
    }

    [Test]
    public void AnswersThatCarryNothing_AreForgotten()
    {
        foreach (SampleRequest request in SampleRequest.Answered.Where(sample =>
            sample.ReplyBytes is 0 or 8 or 80 or 104 or 288 || sample.Opcode == FuseOpcode.ReadDir))
        {
            Lose(request.Opcode, -(int)Errno.ENOENT);
            Assert.That(_fileSystem.TakeCalls(), Is.EqualTo(new[] { request.Call }));
        }
    }

    [Test]
    public void RefusalAndNegativeEntry_GiveNothingBack()
    {
        _fileSystem.Result = _ => -(int)Errno.EACCES;
        Lose(FuseOpcode.Create, -(int)Errno.ENOENT);
        Assert.That(_fileSystem.TakeCalls(), Has.Length.EqualTo(1));
    }

    [Test]
    public void AnswerThatTheKernelRefuses_IsGivenBackAndTold()
    {
        Lose(FuseOpcode.Lookup, -(int)Errno.EINVAL);
        Assert.That(_fileSystem.TakeCalls()[1..], Is.EqualTo(new[] { "Forget 70 1" }));
        Assert.That(_told, Is.EqualTo(new[] { "Lookup IOException" }));
    }

    [Test]
    public void FailureInGivingBack_IsTold_AndKeepsNothingElse()
    {
        _fileSystem.Result =
            op => op is FuseOpcode.Release or FuseOpcode.Forget ? throw new InvalidDataException("broken") : 0;
        Lose(FuseOpcode.Create, -(int)Errno.ENOENT);
        Assert.That(_fileSystem.TakeCalls()[1..], Is.EqualTo(new[] { "Release 70 90 2", "Forget 70 1" }));
        Lose(FuseOpcode.ReadDirPlus, -(int)Errno.ENOENT);
        Assert.That(_fileSystem.TakeCalls()[1..], Is.EqualTo(new[] { "Forget 71 1", "Forget 72 1" }));
        Assert.That(_told, Is.EqualTo(new[] { "Create InvalidDataException", "ReadDirPlus InvalidDataException" }));
    }

    private void Lose(FuseOpcode opcode, int error)
    {
        _kernel.Device.WriteErrors.Enqueue(error);
        _kernel.Send(opcode, SampleRequest.Node,
            SampleRequest.Answered.Single(sample => sample.Opcode == opcode).Message);
        _kernel.Settle();
    }
}
