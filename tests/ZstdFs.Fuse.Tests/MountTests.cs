using ZstdFs.Fuse.Mount;
using ZstdFs.Fuse.Session;

namespace ZstdFs.Fuse.Tests;

/// <summary>A real mount, served by this process and used by this process's file calls, which wait in the kernel while other threads serve.</summary>
internal sealed class MountTests
{
    [Test, CancelAfter(30_000)]
    public void MountedFile_IsListedAndRead_AndUnmountEndsTheSession()
    {
        string point = Directory.CreateTempSubdirectory("fuse-mount-").FullName;
        var fileSystem = new HelloFileSystem();
        FuseMount mount = FuseMount.Mount(point, new FuseMountOptions { Source = "hello", ReadOnly = true });
        using var session = new FuseSession(mount.Device, fileSystem, new SessionOptions());
        session.Start();
        try
        {
            Assert.That(session.WaitUntilServing(TimeSpan.FromSeconds(10)), Is.True);
            Assert.That(Directory.GetFiles(point).Select(Path.GetFileName), Is.EqualTo(new[] { "hello" }));
            Assert.That(File.ReadAllBytes(Path.Combine(point, "hello")), Is.EqualTo(HelloFileSystem.Content.ToArray()));
        }
        finally
        {
            Assert.That(mount.Unmount(), Is.Zero);
        }
        session.Join();
        mount.Device.Dispose();
        Directory.Delete(point);
        Assert.That(fileSystem.Ended, Is.True);
    }
}
