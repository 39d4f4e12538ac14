using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>What the kernel notes of a folder.</summary>
public enum FolderEvent
{
    /// <summary>A name came.</summary>
    Came,
    /// <summary>A name went.</summary>
    Went,
    /// <summary>More happened than the kernel keeps.</summary>
    Lost,
    /// <summary>Of no use.</summary>
    Other,
}

/// <summary>
/// inotify(7): the kernel notes each name that comes into one folder or goes, by link, create, rename or unlink, in any
/// process. It notes a name before the system call that brings it unlocks the folder. Not thread-safe. Results below
/// zero are −errno.
/// </summary>
public sealed unsafe partial class FolderWatch : IDisposable
{
    /// <summary>Room for events: a read fails where the next event does not fit.</summary>
    public const int EventsBytes = 4096;

    private const int NonBlocking = 0x800, CloseOnExec = 0x80000;               // IN_NONBLOCK, IN_CLOEXEC
    // IN_CREATE, IN_MOVED_TO; IN_DELETE, IN_MOVED_FROM
    private const uint Coming = 0x100 | 0x80, Going = 0x200 | 0x40;
    private const uint OnlyFolder = 0x100_0000, Overflowed = 0x4000;             // IN_ONLYDIR, IN_Q_OVERFLOW
    private const int HeaderBytes = 16;                                          // struct inotify_event

    private readonly FileDescriptor _queue;
    private int _watch = -1;

    private FolderWatch(FileDescriptor queue) => _queue = queue;

    /// <summary>A watch of no folder yet. −EMFILE where the user has as many as the kernel allows.</summary>
    public static int Create(out FolderWatch watch)
    {
        int result = SystemCallResult.From(Initialize(NonBlocking | CloseOnExec));
        watch = result >= 0 ? new FolderWatch(new FileDescriptor(result)) : null!;
        return Math.Min(result, 0);
    }

    /// <summary>Begins to note the names that come into the folder and go.</summary>
    public int Begin(FileDescriptor folder)
    {
        Span<byte> buffer = stackalloc byte[ProcPath.MaxBytes];
        fixed (byte* path = ProcPath.Of(folder, default, buffer))
            _watch = SystemCallResult.From(Add(_queue, path, Coming | Going | OnlyFolder));
        return Math.Min(_watch, 0);
    }

    /// <summary>
    /// The next events, for <see cref="TryNext"/>. Returns their length; 0 where nothing more has come.
    /// </summary>
    public int Take(Span<byte> events)
    {
        long length;
        fixed (byte* p = events)
            length = SystemCallResult.From((long)Read(_queue, p, (nuint)events.Length));
        return length == -(int)Errno.EAGAIN ? 0 : (int)length;
    }

    /// <summary>The next of the events; false after the last.</summary>
    /// <param name="events">What is left of them.</param>
    /// <param name="happened">What it tells of.</param>
    /// <param name="name">The name that came or went, with its NUL.</param>
    public bool TryNext(ref ReadOnlySpan<byte> events, out FolderEvent happened, out ReadOnlySpan<byte> name)
    {
        happened = FolderEvent.Other;
        name = default;
        if (events.Length < HeaderBytes)
            return false;
        int watch = BinaryPrimitives.ReadInt32LittleEndian(events),
            length = BinaryPrimitives.ReadInt32LittleEndian(events[12..]);
        uint mask = BinaryPrimitives.ReadUInt32LittleEndian(events[4..]);
        name = events.Slice(HeaderBytes, length);
        events = events[(HeaderBytes + length)..];
        if ((mask & Overflowed) != 0)
            happened = FolderEvent.Lost;
        // An event of an earlier folder may have come after the end of that folder's watch.
        else if (watch == _watch && length > 0 && (mask & (Coming | Going)) != 0)
        {
            happened = (mask & Coming) != 0 ? FolderEvent.Came : FolderEvent.Went;
            name = name[..(name.IndexOf((byte)0) + 1)];
        }
        return true;
    }

    /// <summary>Ends it, and forgets what came.</summary>
    public void End()
    {
        if (_watch < 0)
            return;
        _ = Remove(_queue, _watch);
        _watch = -1;
        Span<byte> rest = stackalloc byte[EventsBytes];
        while (Take(rest) > 0)
        {
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _queue.Dispose();

    [LibraryImport("libc", EntryPoint = "inotify_init1", SetLastError = true)]
    private static partial int Initialize(int flags);

    [LibraryImport("libc", EntryPoint = "inotify_add_watch", SetLastError = true)]
    private static partial int Add(FileDescriptor queue, byte* path, uint mask);

    [LibraryImport("libc", EntryPoint = "inotify_rm_watch", SetLastError = true)]
    private static partial int Remove(FileDescriptor queue, int watch);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(FileDescriptor queue, byte* events, nuint size);
}
