using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>
/// Serves one mount: threads that read requests from the device, have the file system handle them, and write the replies. The device is any
/// descriptor that carries one message a read: a test may script the kernel's side over a socket pair.
/// </summary>
public sealed class FuseSession(FileDescriptor device, FuseFileSystem fileSystem, SessionOptions options) : IDisposable
{
    private const int StackBytes = 4 * 1024 * 1024;

    private readonly ManualResetEventSlim _serving = new();
    private readonly CountdownEvent _running = new(options.Threads);
    private readonly FuseNotifier _notifier = new(device);

    internal FileDescriptor Device { get; } = device;
    internal FuseFileSystem FileSystem { get; } = fileSystem;
    internal SessionOptions Options { get; } = options;

    /// <summary>Starts the threads.</summary>
    public void Start()
    {
        for (int i = 0; i < Options.Threads; i++)
        {
            var thread = new Thread(() =>
            {
                using (var worker = new DeviceLoop(this))
                    worker.Run();
                _running.Signal();
            }, StackBytes)
            { IsBackground = true, Name = $"fuse-{i}" };
            thread.Start();
        }
    }

    /// <summary>Waits until INIT has been answered. False when it was not in time, or the session ended.</summary>
    public bool WaitUntilServing(TimeSpan timeout) => _serving.Wait(timeout);

    /// <summary>Serves until the mount is gone.</summary>
    public void Run()
    {
        Start();
        Join();
    }

    /// <summary>Waits until the mount is gone and every thread has ended.</summary>
    public void Join()
    {
        _running.Wait();
        FileSystem.Destroyed();
    }

    internal void Serve(in FuseInitOut settled)
    {
        ulong flags = settled.Flags | (ulong)settled.Flags2 << 32;
        FileSystem.Initialized(new NegotiatedConnection(settled.Major, settled.Minor, settled.MaxWrite, flags, _notifier));
    }

    internal void NoteServing() => _serving.Set();

    /// <summary>After <see cref="Join"/>. The device stays the caller's.</summary>
    public void Dispose()
    {
        _serving.Dispose();
        _running.Dispose();
    }
}
