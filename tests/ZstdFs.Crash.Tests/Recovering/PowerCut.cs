using System.Security.Cryptography;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Histories;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Recovering;

/// <summary>
/// Disks as power cuts left them, mounted by ext4's own recovery and then by ours, in this process. What both leave is
/// held against the history: as the mount shows it, and as stored files once the mount is drained.
/// </summary>
internal sealed class PowerCut : IDisposable
{
    private const int LongestContent = 12 * 1024 * 1024;

    private readonly string _folder;
    private string _device;
    private int _images;
    private readonly HashSet<ulong> _disks = [];
    private readonly HashSet<string> _trees = [];

    internal PowerCut()
    {
        _folder = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(),
            $"zstdfs-crash-{Guid.NewGuid():n}");
        Directory.CreateDirectory(Point);
        _device = NewDevice();
    }

    private string Image => Path.Combine(_folder, $"disk{_images}");

    private string NewDevice()
    {
        _images++;
        File.WriteAllBytes(Image, new byte[Ext4.Bytes]);
        return Ext4.Attach(Image);
    }

    private string Point => Path.Combine(_folder, "root");

    /// <summary>Different disks that were recovered.</summary>
    internal int Disks => _disks.Count;

    /// <summary>Different source folders that ext4 made of them.</summary>
    internal int Trees => _trees.Count;

    /// <summary>
    /// Tries at most so many states of a recording, spread over it. Returns what is wrong, with the state, or null.
    /// </summary>
    internal string? FindLoss(Recording recording, int most, Random chance)
    {
        List<CrashState> states = CrashStates.Of(recording.Events, recording.From, chance);
        IEnumerable<CrashState> chosen = states.Count <= most ? states
            : states.Index().OrderBy(_ => chance.Next()).Take(most).OrderBy(s => s.Index).Select(s => s.Item);
        var content = new DiskContent(recording.Start, recording.Events);
        byte[] disk = new byte[Ext4.Bytes];
        foreach (CrashState state in chosen)
        {
            if (_disks.Add(content.Build(state, disk)) && Recover(disk, recording.History, state.Moment) is { } wrong)
                return $"{wrong}\nafter event {state.Moment} of {recording.Events.Count}: {state.Written.Length} "
                    + $"writes ({string.Join(' ', state.Written)}) since the flush at {state.Flushed}, torn at "
                    + $"{state.TornAt}";
        }
        return null;
    }

    private string? Recover(byte[] disk, History history, int moment)
    {
        // A process that made itself a mount namespace at a bad moment has the last state mounted still, and ext4 would
        // go on with what it remembers of that.
        if (!Ext4.IsUnused(_device))
        {
            Ext4.Detach(_device);
            _device = NewDevice();
        }
        using (var image = new FileStream(Image, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0))
            image.Write(disk);
        int result = Ext4.Mount(_device, Point);
        if (result < 0)
            return $"ext4 does not mount ({(Errno)(-result)})";
        try
        {
            string source = Path.Combine(Point, "source");
            BootAnew(source);
            _trees.Add(Fingerprint(source));
            var log = new EventLines();
            if (RepeatableNumber(source) is { } repeatable)
                return $"{repeatable} has an inode number that will be given again";
            return Judge(source, history, moment, log) is { } wrong ? $"{wrong}\n{log}" : null;
        }
        finally
        {
            Ext4.Unmount(Point);
        }
    }

    private static string? Judge(string source, History history, int moment, EventLines log)
    {
        try
        {
            using (ZstdFileSystem fileSystem = SourceFolders.Open(source, log))
            {
                if (history.Judge(moment, Shown(fileSystem, source)) is { } wrong)
                    return $"the mount: {wrong}";
                if (fileSystem.Drain() is < 0 and var failed)
                    return $"drain: {(Errno)(-failed)}";
            }
            if (history.Judge(moment, Stored(source)) is { } lost)
                return $"the source: {lost}";
        }
        catch (InvalidDataException refused)
        {
            return refused.Message;
        }
        string left = string.Join(' ', Directory.GetFileSystemEntries(Path.Combine(source, ".zstdfs/working")));
        return left.Length > 0 ? $"left over: {left}" : null;
    }

    /// <summary>This machine goes on, so the boot that the source remembers must become another one.</summary>
    internal static void BootAnew(string source)
    {
        string file = Path.Combine(source, ".zstdfs/state");
        if (!File.Exists(file) || File.ReadAllBytes(file) is not { Length: StateRecord.Bytes } bytes
            || !bytes.AsSpan().ContainsAnyExcept((byte)0))
            return;
        StateRecord record = StateRecord.Read(bytes);
        record.Boot = Guid.NewGuid();
        record.Write(bytes);
        File.WriteAllBytes(file, bytes);
    }

    /// <summary>A stored file whose number the state on the same disk does not know as reserved.</summary>
    private static string? RepeatableNumber(string source)
    {
        string state = Path.Combine(source, ".zstdfs/state");
        byte[] bytes = File.Exists(state) ? File.ReadAllBytes(state) : [];
        ulong reserved = bytes.AsSpan().ContainsAnyExcept((byte)0) ? StateRecord.Read(bytes).ReservedUpTo : 0;
        foreach (string name in Names(source))
        {
            Succeed(
                SystemCallsAt.Open(new NativeName(Ext4.Native(Path.Combine(source, name + ".zst"))), OpenFlags.ReadOnly,
                    out FileDescriptor file),
                "open", name);
            using (file)
            {
                if (SourceTree.TryReadRecord(file, out SizeRecord record) && InodeNumber.IsAllocated(record.InodeNumber)
                    && record.InodeNumber >= reserved)
                    return name;
            }
        }
        return null;
    }

    private static string Fingerprint(string source)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal))
        {
            hash.AppendData(Ext4.Native(file));
            if (!file.EndsWith(".zstdfs/state", StringComparison.Ordinal))
                hash.AppendData(File.ReadAllBytes(file));
        }
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static IEnumerable<string> Names(string source) =>
        from file in Directory.EnumerateFiles(source, "*.zst", SearchOption.AllDirectories)
        let name = Path.GetRelativePath(source, file)
        where !name.StartsWith(".zstdfs", StringComparison.Ordinal)
        select name[..^".zst".Length];

    private static Dictionary<string, byte[]> Shown(ZstdFileSystem fileSystem, string source) =>
        Names(source).ToDictionary(path => path, path => Read(fileSystem, path));

    private static byte[] Read(ZstdFileSystem fileSystem, string path)
    {
        FuseEntryOut entry = default;
        entry.NodeId = 1;
        foreach (string name in path.Split('/'))
            Succeed(fileSystem.Lookup(default, entry.NodeId, new NativeName(Ext4.Native(name)), out entry), "lookup",
                path);
        Succeed(fileSystem.Open(default, entry.NodeId, OpenFlags.ReadOnly, false, out FuseOpenOut open), "open", path);
        try
        {
            byte[] content = new byte[entry.Attr.Size];
            int length = 0;
            for (int count = -1; length < content.Length && count != 0; length += count)
                count = Succeed(fileSystem.Read(default, entry.NodeId, open.Handle, length, content.AsSpan(length)),
                    "read", path);
            return content[..length];
        }
        finally
        {
            fileSystem.Release(default, entry.NodeId, open.Handle, OpenFlags.ReadOnly);
        }
    }

    private static int Succeed(int result, string op, string path) =>
        result >= 0 ? result : throw new InvalidDataException($"{op} of {path} answers {(Errno)(-result)}");

    private static Dictionary<string, byte[]> Stored(string source) =>
        Names(source)
            .ToDictionary(path => path,
                path => StockZstd.Decompress(Path.Combine(source, path + ".zst"), LongestContent));

    public void Dispose()
    {
        Ext4.Detach(_device);
        Directory.Delete(_folder, recursive: true);
    }
}
