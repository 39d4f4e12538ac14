using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>Extended attributes: two forms of SETXATTR, and values that max_write does not bound.</summary>
internal sealed class ExtendedAttributeTests
{
    private const uint LargestValue = 64 * 1024;

    private static readonly SessionOptions SmallWrites = new() { Threads = 1, MaxWriteBytes = 4096 };

    [Test]
    public void SetXattr_HasTheShortHeader_WhereTheLongOneWasNotSettled()
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem);
        kernel.Init(without: InitFlags.SetXattrExt);
        byte[] body = Body.Of(3u, 2, "user.a", "abc"u8.ToArray());
        Assert.That(kernel.Error(FuseOpcode.SetXattr, 5, body), Is.Zero);
        Assert.That(fileSystem.TakeCalls(), Is.EqualTo(new[] { "SetXattr 5 user.a 3 99 2 False" }));
        for (int length = 0; length < body.Length; length++)
            Assert.That(kernel.Error(FuseOpcode.SetXattr, 5, body.AsSpan(0, length)), Is.EqualTo((int)Errno.EINVAL),
                $"{length} bytes");
    }

    [Test]
    public void LargestValue_IsSet_WhateverMaxWrite()
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem, SmallWrites);
        kernel.Init();
        string name = "user." + new string('n', 250);
        Assert.That(
            kernel.Error(FuseOpcode.SetXattr, 5, Body.Of(LargestValue, 0, 0u, 0u, name, new byte[LargestValue])),
            Is.Zero);
        Assert.That(fileSystem.TakeCalls(), Is.EqualTo(new[] { $"SetXattr 5 {name} {LargestValue} 0 0 False" }));
    }

    [TestCase(FuseOpcode.GetXattr), TestCase(FuseOpcode.ListXattr)]
    public void LargestValue_IsGot_WhateverMaxWrite(FuseOpcode opcode)
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem { Result = _ => LargestValue }, SmallWrites);
        kernel.Init();
        byte[] body = opcode == FuseOpcode.GetXattr ? Body.Of(LargestValue, 0u, "user.a") : Body.Of(LargestValue, 0u);
        Assert.That(kernel.Exchange(opcode, 5, body, out int error), Is.EqualTo(LargestValue));
        Assert.That(error, Is.Zero);
    }

    [TestCase(FuseOpcode.GetXattr), TestCase(FuseOpcode.ListXattr)]
    public void LengthAlone_IsAnswered_WhereNoRoomIsGiven(FuseOpcode opcode)
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem { Result = _ => LargestValue });
        kernel.Init();
        byte[] body = opcode == FuseOpcode.GetXattr ? Body.Of(0u, 0u, "user.a") : Body.Of(0u, 0u);
        Assert.That(kernel.Ask(opcode, 5, body, out _), Is.EqualTo(Body.Of(LargestValue, 0u)));
    }

    [Test]
    public void ValueThatDoesNotFit_IsErange_AsTheFileSystemSays()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem { Result = _ => -(int)Errno.ERANGE });
        kernel.Init();
        Assert.That(kernel.Error(FuseOpcode.GetXattr, 5, Body.Of(2u, 0u, "user.a")), Is.EqualTo((int)Errno.ERANGE));
    }
}
