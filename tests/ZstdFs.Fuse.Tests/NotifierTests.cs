using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>Notifications byte by byte: length, code, unique 0, and the struct.</summary>
internal sealed class NotifierTests
{
    private readonly RecordingFileSystem _fileSystem = new();
    private ScriptedKernel _kernel = null!;

    private FuseNotifier Notifier => _fileSystem.Connection.Notifier;

    [SetUp]
    public void Start()
    {
        _kernel = new ScriptedKernel(_fileSystem);
        _kernel.Init();
    }

    [TearDown]
    public void End() => _kernel.Dispose();

    [Test]
    public void InvalidateInode_IsCode2()
    {
        Assert.That(Notifier.InvalidateInode(7, 4096, -1), Is.Zero);
        Assert.That(_kernel.ReceiveNotification(), Is.EqualTo(Body.Of(40, 2, 0ul, 7ul, 4096L, -1L)));
    }

    [Test]
    public void InvalidateEntry_IsCode3()
    {
        Assert.That(Notifier.InvalidateEntry(7, "name"u8), Is.Zero);
        Assert.That(_kernel.ReceiveNotification(), Is.EqualTo(Body.Of(37, 3, 0ul, 7ul, 4u, 0u, "name")));
    }

    [Test]
    public void ExpireEntry_IsCode3WithItsFlag()
    {
        Assert.That(Notifier.ExpireEntry(7, "name"u8), Is.Zero);
        Assert.That(_kernel.ReceiveNotification(), Is.EqualTo(Body.Of(37, 3, 0ul, 7ul, 4u, 1u, "name")));
    }

    [Test]
    public void ExpireEntry_Invalidates_WhereTheKernelKnowsNothingElse()
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem);
        kernel.Init(without: InitFlags.HasExpireOnly);
        Assert.That(fileSystem.Connection.Notifier.ExpireEntry(7, "name"u8), Is.Zero);
        Assert.That(kernel.ReceiveNotification(), Is.EqualTo(Body.Of(37, 3, 0ul, 7ul, 4u, 0u, "name")));
    }

    [Test]
    public void Delete_IsCode6()
    {
        Assert.That(Notifier.Delete(7, 8, "name"u8), Is.Zero);
        Assert.That(_kernel.ReceiveNotification(), Is.EqualTo(Body.Of(45, 6, 0ul, 7ul, 8ul, 4u, 0u, "name")));
    }

    [Test]
    public void WakePollers_IsCode1()
    {
        Assert.That(Notifier.WakePollers(3), Is.Zero);
        Assert.That(_kernel.ReceiveNotification(), Is.EqualTo(Body.Of(24, 1, 0ul, 3ul)));
    }

    [Test]
    public void NameTooLong_IsEnametoolong_AndTheLongestIsSent()
    {
        byte[] tooLong = new byte[256];
        Array.Fill(tooLong, (byte)'n');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Notifier.InvalidateEntry(7, tooLong), Is.EqualTo(-(int)Errno.ENAMETOOLONG));
            Assert.That(Notifier.ExpireEntry(7, tooLong), Is.EqualTo(-(int)Errno.ENAMETOOLONG));
            Assert.That(Notifier.Delete(7, 8, tooLong), Is.EqualTo(-(int)Errno.ENAMETOOLONG));
            Assert.That(Notifier.InvalidateEntry(7, tooLong.AsSpan(1)), Is.Zero);
        }
        Assert.That(_kernel.ReceiveNotification(), Has.Length.EqualTo(16 + 16 + 255 + 1));
    }

    [Test]
    public void Refusal_IsTheResult()
    {
        _kernel.Device.WriteErrors.Enqueue(-(int)Errno.ENOENT);
        Assert.That(Notifier.InvalidateInode(7, 0, 0), Is.EqualTo(-(int)Errno.ENOENT));
    }
}
