using System.Text;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.LiveConversion;

/// <summary>Decides whether listings show the plain files of the source, and logs once what there is to say.</summary>
internal sealed class PlainFileView(PlainFiles mode, IEventLog log)
{
    /// <summary>The most entries of the root that the mount looks at when it starts.</summary>
    private const int LookedAt = 10_000;
    private const int MostConflictsTold = 100;

    // Guards the set and the flag.
    private readonly Lock _gate = new();
    private readonly HashSet<string> _conflicts = [];
    private bool _hasHinted;

    /// <summary>
    /// Whether a listing shows a plain file that has no stored file of the same logical name beside it.
    /// </summary>
    internal bool IsShown(FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        if (mode != PlainFiles.Ignore)
            return true;
        if (!_hasHinted && IsThere(folder, name, out _))
            Hint(name);
        return false;
    }

    /// <summary>
    /// Logs that a listing met both a plain and a stored file of this logical name, unless the plain one is being
    /// converted into the stored one.
    /// </summary>
    /// <param name="folder">Their folder.</param>
    /// <param name="node">Its node.</param>
    /// <param name="name">The logical name.</param>
    /// <param name="number">
    /// The stored file's inode number. A plain file with the same number is at this moment being converted into that
    /// stored file.
    /// </param>
    internal void LookForConflict(FileDescriptor folder, Node node, ReadOnlySpan<byte> name, ulong number)
    {
        if (IsThere(folder, name, out SizeRecord record) && record.InodeNumber != number)
            TellConflict(node, name);
    }

    private static bool IsThere(FileDescriptor folder, ReadOnlySpan<byte> name, out SizeRecord record)
    {
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName plain = SourceNames.Itself(name, buffer);
        record = default;
        if (SystemCallsAt.Stat(folder, plain, out Statx stat) < 0 || !stat.IsRegular)
            return false;
        _ = SourceTree.TryReadRecord(folder, plain, out record);
        return true;
    }

    /// <summary>At the start: warns the owner of a source full of plain files, which would look empty.</summary>
    internal void LookInto(SourceTree source)
    {
        if (mode != PlainFiles.Ignore
            || source.OpenListing(source.Root, new NativeName(".\0"u8), out FileDescriptor root) < 0)
            return;
        using (root)
        {
            var entries = new EntryReader(root, new byte[32 * 1024]);
            for (int i = 0; i < LookedAt && entries.MoveNext(); i++)
            {
                if (entries.Type == FileType.EntryRegular && !StoredName.TryToLogical(entries.Name[..^1], out _)
                    && !StoredName.IsReserved(entries.Name[..^1], inRoot: true))
                {
                    Hint(entries.Name[..^1]);
                    return;
                }
            }
        }
    }

    private void Hint(ReadOnlySpan<byte> name)
    {
        if (_hasHinted)
            return;
        lock (_gate)
        {
            if (_hasHinted)
                return;
            _hasHinted = true;
        }
        log.Warning(
            $"the source holds plain files, such as '{Encoding.UTF8.GetString(name)}', which are not shown; mount "
                + "with --plain=show to see them");
    }

    private void TellConflict(Node folder, ReadOnlySpan<byte> name)
    {
        byte[] parent = folder.LogicalPath();
        string path = Encoding.UTF8.GetString(parent.Length == 0 ? name.ToArray() : [.. parent, (byte)'/', .. name]);
        lock (_gate)
        {
            if (_conflicts.Count == MostConflictsTold || !_conflicts.Add(path))
                return;
        }
        log.Warning(
            $"both '{path}' and '{path}.zst' are in the source; the compressed one is shown, the plain one is not "
                + "touched");
    }
}
