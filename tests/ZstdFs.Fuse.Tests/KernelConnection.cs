using System.Text;
using ZstdFs.Fuse.Session;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>
/// The kernel's end of a mount. It stays after the unmount while another mount name space has a copy of the mount: a
/// process that made itself one at a bad moment does.
/// </summary>
internal sealed class KernelConnection
{
    private const string Connections = "/sys/fs/fuse/connections";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly string _number;

    private KernelConnection(string number) => _number = number;

    /// <summary>That of the mount on this point; null where nothing is mounted.</summary>
    internal static KernelConnection? Of(string mountPoint) =>
        MountTable.Find(Encoding.UTF8.GetBytes(mountPoint)) is { } entry
            ? new KernelConnection(entry.Device.Split(':')[1]) : null;

    /// <summary>Fails every request: the way out of a mount that hangs.</summary>
    internal void Abort()
    {
        bool isOurs = !Directory.EnumerateFileSystemEntries(Connections).Any();
        if (isOurs)
        {
            Assert.That(
                MountCalls.Mount(new NativeName("fusectl\0"u8), new NativeName("/sys/fs/fuse/connections\0"u8),
                    new NativeName("fusectl\0"u8), 0, new NativeName("\0"u8)),
                Is.Zero);
        }
        string abort = Path.Combine(Connections, _number, "abort");
        if (File.Exists(abort))
            File.WriteAllText(abort, "1");
        if (isOurs)
            _ = MountCalls.Unmount(new NativeName("/sys/fs/fuse/connections\0"u8), 0);
    }

    /// <summary>
    /// Waits until the session of an unmounted mount has ended. Where it does not, ends it by force and fails the test.
    /// </summary>
    internal static void Join(FuseSession session, KernelConnection? connection)
    {
        Task joining = Task.Factory.StartNew(
            session.Join, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        bool isDone = joining.Wait(Patience);
        // Once a thread has met the end, the connection is gone, and its number may be another mount's.
        if (!isDone && session.EndedBy == Errno.None && connection is not null)
        {
            connection.Abort();
            _ = joining.Wait(Patience);
        }
        Assert.That(isDone, Is.True,
            "the session did not end with the mount: an op hangs, or another mount name space has a copy");
    }
}
