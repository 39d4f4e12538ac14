using System.Diagnostics;
using ZstdFs.Fuse.Mount;
using ZstdFs.Fuse.Session;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>A real mount served by this process. Gone after <see cref="Dispose"/>, by force where it hangs.</summary>
internal sealed class LiveMount : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly KernelConnection? _connection;

    internal LiveMount(FuseFileSystem fileSystem, SessionOptions? options = null)
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("needs root, to mount and to abort what hangs");
        Point = Directory.CreateTempSubdirectory("fuse-mount-").FullName;
        Mount = FuseMount.Mount(Point, new FuseMountOptions { Source = "memory", Subtype = "memory" });
        _connection = KernelConnection.Of(Point);
        Session = new FuseSession(Mount.Device, fileSystem, options ?? new SessionOptions());
        Session.Start();
        if (Session.WaitUntilServing(Patience))
            return;
        Dispose();
        Assert.Fail("INIT was not answered");
    }

    internal string Point { get; }
    internal FuseMount Mount { get; }
    internal FuseSession Session { get; }

    internal string PathOf(string name) => Path.Combine(Point, name);

    /// <summary>
    /// Runs something that uses the mount, on a thread of its own: one that hangs in the kernel must not be the test's.
    /// </summary>
    internal T Use<T>(Func<T> use)
    {
        Task<T> task =
            Task.Factory.StartNew(use, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        bool isDone = Task.WaitAny([task], Patience) == 0;
        if (!isDone)
            Abort();
        Assert.That(isDone, Is.True, "the mount answers");
        return task.GetAwaiter().GetResult();
    }

    internal void Use(Action use) => Use(() => { use(); return true; });

    /// <summary>Fails every request of the connection: the way out of a mount that hangs.</summary>
    internal void Abort() => Abort(Point);

    internal static void Abort(string mountPoint) => KernelConnection.Of(mountPoint)?.Abort();

    internal int Unmount()
    {
        long start = Stopwatch.GetTimestamp();
        int result = Mount.Unmount();
        // A file closed a moment ago may still hold it: RELEASE and the closing of the mount are not waited for.
        while (result == -(int)Errno.EBUSY && Stopwatch.GetElapsedTime(start) < Patience)
        {
            Thread.Sleep(20);
            result = Mount.Unmount();
        }
        return result;
    }

    public void Dispose()
    {
        if (Unmount() == -(int)Errno.EBUSY)
        {
            Abort();
            _ = Mount.Unmount(lazy: true);
        }
        KernelConnection.Join(Session, _connection);
        Session.Dispose();
        Mount.Device.Dispose();
        Directory.Delete(Point);
    }
}
