using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>
/// How far a check of the data has come, kept in <c>.zstdfs/check</c>. The mark is a path: all files up to it that are
/// below the checked folder are done, in the order of the walk. Files end in any order, so the mark moves when the
/// oldest one under way ends. It never moves back. Thread-safe.
/// </summary>
/// <param name="source">The source.</param>
/// <param name="checkedFolder">
/// Path of the checked folder below the root. Its mark says nothing of files elsewhere, so a check of another folder
/// does not go on from there.
/// </param>
internal sealed class CheckMark(SourceTree source, byte[] checkedFolder)
{
    private const int LongestBytes = 64 * 1024;

    // In front of the folder and behind it: no path has one. A mark of an earlier version does not begin with it, and
    // does not tell its folder.
    private const byte Separator = 0;

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
                {
                    // A check that was resumed looks at the files before the mark again, but not at their data.
                    byte[] path = _open.Dequeue().Path;
                    if (_mark.Length == 0 || IsAfter(path, _mark))
                        _mark = path;
                }
            }
        };
    }

    /// <summary>
    /// Goes on from the mark that a check of the same folder left. Returns the mark; empty where there is none.
    /// </summary>
    internal byte[] Resume()
    {
        byte[] mark = TryRead(out byte[] path, out byte[] folder) && folder.AsSpan().SequenceEqual(checkedFolder)
            ? path : [];
        lock (_gate)
            _mark = mark;
        return mark;
    }

    private bool TryRead(out byte[] path, out byte[] folder)
    {
        path = folder = [];
        byte[] bytes = WithFolder(state =>
        {
            byte[] room = new byte[LongestBytes];
            if (source.OpenRead(state, Name, out FileDescriptor file) < 0)
                return [];
            using (file)
                return room[..Math.Max(0, SystemCallsFile.Read(file, 0, room))];
        }) ?? [];
        int end = bytes is [Separator, ..] ? bytes.AsSpan(1).IndexOf(Separator) : -1;
        if (end < 0)
            return false;
        (folder, path) = (bytes[1..(end + 1)], bytes[(end + 2)..]);
        return true;
    }

    /// <summary>Keeps the mark for a later check.</summary>
    internal void Save()
    {
        byte[] mark;
        lock (_gate)
            mark = _mark;
        if (mark.Length == 0)
            return;
        const int Flags =
            OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Truncate | OpenFlags.NonBlocking;
        WithFolder(folder =>
        {
            if (SystemCallsAt.Open(folder, Name, Flags, 0b110_000_000, out FileDescriptor file) < 0)
                return [];
            using (file)
                _ = SystemCallsFile.Write(file, 0, [Separator, .. checkedFolder, Separator, .. mark]);
            return mark;
        });
    }

    /// <summary>Removes the mark: the check is complete. The mark of a check of another folder stays.</summary>
    internal void Remove()
    {
        if (TryRead(out _, out byte[] folder) && !folder.AsSpan().SequenceEqual(checkedFolder))
            return;
        WithFolder(state =>
        {
            _ = SystemCallsAt.Unlink(state, Name);
            return [];
        });
    }

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
