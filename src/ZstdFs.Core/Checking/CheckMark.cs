using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>
/// How far a check of the data has come, kept in <c>.zstdfs/check</c>. The mark is a path: all files up to it, in the
/// order of the walk, are done. Files end in any order, so the mark moves when the oldest one under way ends.
/// Thread-safe.
/// </summary>
internal sealed class CheckMark(SourceTree source)
{
    internal const string FileName = "check";

    private readonly Lock _gate = new(); // guards the fields below
    private readonly Queue<(byte[] Path, bool[] Done)> _open = new();
    private byte[] _mark = [];

    private static NativeName Name => new("check\0"u8);

    /// <summary>Begins the check of a file. The caller calls the returned action when that ends.</summary>
    internal Action Begin(byte[] path)
    {
        bool[] done = new bool[1];
        lock (_gate)
            _open.Enqueue((path, done));
        return () =>
        {
            lock (_gate)
            {
                done[0] = true;
                while (_open.TryPeek(out (byte[] Path, bool[] Done) oldest) && oldest.Done[0])
                    _mark = _open.Dequeue().Path;
            }
        };
    }

    internal byte[] Read() => WithFolder(folder =>
    {
        byte[] path = new byte[64 * 1024];
        if (SystemCallsAt.Open(folder, Name, OpenFlags.ReadOnly, 0, out FileDescriptor file) < 0)
            return [];
        using (file)
            return path[..Math.Max(0, SystemCallsFile.Read(file, 0, path))];
    }) ?? [];

    /// <summary>Keeps the mark for a later check.</summary>
    internal void Save()
    {
        byte[] mark;
        lock (_gate)
            mark = _mark;
        if (mark.Length == 0)
            return;
        WithFolder(folder =>
        {
            if (SystemCallsAt.Open(folder, Name, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Truncate,
                0b110_000_000, out FileDescriptor file) < 0)
                return [];
            using (file)
                _ = SystemCallsFile.Write(file, 0, mark);
            return mark;
        });
    }

    /// <summary>Removes the mark: the check is complete.</summary>
    internal void Remove() => WithFolder(folder =>
    {
        _ = SystemCallsAt.Unlink(folder, Name);
        return [];
    });

    /// <summary>
    /// Whether a file comes after the mark in the order of the walk: a folder's files before its subfolders, each by
    /// name.
    /// </summary>
    internal static bool IsAfter(ReadOnlySpan<byte> path, ReadOnlySpan<byte> mark)
    {
        while (true)
        {
            int slash = path.IndexOf((byte)'/'), markSlash = mark.IndexOf((byte)'/');
            if (slash < 0 != markSlash < 0)
                return slash >= 0;
            ReadOnlySpan<byte> name = slash < 0 ? path : path[..slash],
                markName = markSlash < 0 ? mark : mark[..markSlash];
            int order = name.SequenceCompareTo(markName);
            if (order != 0 || slash < 0)
                return order > 0;
            path = path[(slash + 1)..];
            mark = mark[(markSlash + 1)..];
        }
    }

    private byte[]? WithFolder(Func<FileDescriptor, byte[]> work)
    {
        if (source.OpenListing(source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder) < 0)
            return null;
        using (folder)
            return work(folder);
    }
}
