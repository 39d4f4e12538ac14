using ZstdFs.Core.Conversion.Forms;
using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>Takes the names that are to be converted. The walk retains a job's folders for it.</summary>
internal interface IConversionCandidates
{
    /// <summary>A file with one name.</summary>
    void Take(SwapJob job);

    /// <summary>One name of a file with several.</summary>
    void TakeLink(in WalkedFile file, byte[] original, byte[] target);

    /// <summary>A .zst file that nothing of ours wrote, and that stays.</summary>
    void Keep();

    /// <summary>A file that stays as it is.</summary>
    void Leave(ReadOnlySpan<byte> path, LeftReason reason, string detail);

    /// <summary>Something that could not be looked at.</summary>
    void Unreadable(byte[] path, Errno error);
}

/// <summary>Decides for every name that the walk meets whether to convert it, and into what.</summary>
internal sealed class ConversionWalk(
    SourceTree source, SourceFolder start, ConversionOptions options, IConversionCandidates candidates,
    CancellationToken cancellation) : ITreeVisitor
{
    private readonly bool _tellsFound = FoundFiles.CanTell(source);

    private readonly NamePattern[] _include = [.. options.Include.Select(p => new NamePattern(p))];
    private readonly NamePattern[] _exclude = [.. options.Exclude.Select(p => new NamePattern(p))];
    private readonly Timestamp _coldBefore = new(Timestamp.Now().Seconds - (long)options.ColdFor.TotalSeconds, 0);

    public bool Enters(SourceFolder parent, NativeName name, in Statx stat)
    {
        if (NamePattern.AnyMatches(_exclude, ShownFolder(Relative(parent.PathOf(name.Bytes)))))
            return false;
        if (!IsOtherSource(parent, name))
            return true;
        candidates.Leave(parent.PathOf(name.Bytes), LeftReason.OtherSource, "");
        return false;
    }

    /// <summary>Convert: the walk takes the .zst files that were found, and no others.</summary>
    internal bool Wraps { get; init; }

    /// <summary>Paths (Latin-1) of the files to be considered; null for all.</summary>
    internal HashSet<string>? Only { get; init; }

    /// <summary>A file may wait where another file has its new name, and this run will take that name away.</summary>
    internal bool MayDefer { get; init; } = true;

    /// <summary>Paths (Latin-1) of the files that wait.</summary>
    internal HashSet<string> Deferred { get; } = [];

    /// <summary>True also where a fault hides the answer: then the folder must not be touched either.</summary>
    internal static bool IsOtherSource(SourceFolder parent, NativeName name)
    {
        int result = SystemCallsAt.Stat(
            parent.Descriptor, new NativeName([.. name.Bytes, .. "/.zstdfs/lock\0"u8]), out Statx inner);
        return PassingFault.Is(result) || result >= 0 && inner.IsRegular;
    }

    /// <summary>Folders, symlinks and special files make room for the stored files that get their names.</summary>
    public bool Listed(SourceFolder folder, DirectoryListing listing)
    {
        bool isChanged = false;
        for (int i = 0; options.Kind == ConversionKind.Convert && !source.ReadOnly && i < listing.Count; i++)
        {
            if (listing.TypeOf(i) != FileType.EntryRegular
                && StoredName.TryToLogical(listing.Name(i).Bytes, out ReadOnlySpan<byte> logical)
                && SystemCallsAt.Stat(folder.Descriptor, new NativeName([.. logical, 0]), out Statx stat) >= 0
                    && stat.IsRegular)
                isChanged |= SourceNames.MakeRoom(folder.Descriptor, listing.Name(i));
        }
        if (isChanged)
            _ = SystemCallsFile.SetTimes(folder.Descriptor, folder.Stat.AccessTime.ToTimestamp(),
                folder.Stat.ModifyTime.ToTimestamp());
        return isChanged;
    }

    public void Unreadable(byte[] path, Errno error) => candidates.Unreadable(path, error);

    public bool Visit(in WalkedFile file)
    {
        if (cancellation.IsCancellationRequested)
            return false;
        Statx stat = file.Stat;
        if (Only?.Contains(KeyOf(file.Folder.PathOf(file.Name.Bytes))) == false)
            return true;
        if (stat.IsRegular && (!options.OneFileSystem || stat.Device == source.RootStat.Device)
            && TryName(file, out byte[]? target) && IsWanted(file))
            Consider(file, target!);
        return true;
    }

    private bool TryName(in WalkedFile file, out byte[]? target)
    {
        ReadOnlySpan<byte> name = file.Name.Bytes;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes], shown = stackalloc byte[StoredName.BufferBytes];
        scoped ReadOnlySpan<byte> logical;
        bool isStored = StoredName.TryToLogical(name, out logical);
        int found = isStored && (Wraps || options is { Kind: ConversionKind.Revert, Existing: ExistingChoice.Show })
            ? IsFound(file.Folder, file.Name, file.Stat) : 0;
        bool isFound = found > 0;
        target = null;
        if (found < 0)
        {
            candidates.Unreadable(file.Folder.PathOf(name), (Errno)(-found));
            return false;
        }
        if (isFound && options.Kind == ConversionKind.Revert)
            candidates.Keep();
        if (isStored && options.Kind == ConversionKind.Revert)
            found = SourceNames.FindLogical(file.Folder.Descriptor, name, isRegular: true, shown, out logical);
        if (found < 0)
        {
            // The plain file would keep the shortened name for good.
            candidates.Unreadable(file.Folder.PathOf(name), (Errno)(-found));
            return false;
        }
        target = options.Kind switch
        {
            ConversionKind.Convert => isStored == Wraps && isFound == Wraps
                ? StoredName.Of(name, buffer).Terminated.ToArray() : null,
            ConversionKind.Revert => isStored && !isFound ? [.. logical, 0] : null,
            _ => isStored ? [.. name, 0] : null,
        };
        return target is not null;
    }

    private bool IsWanted(in WalkedFile file)
    {
        // MinBytes is about logical sizes, and a stored file must be opened to learn its logical size.
        if (file.Stat.Size < options.MinBytes && options.Kind == ConversionKind.Convert
            || options.ColdFor > TimeSpan.Zero && file.Stat.AccessTime.ToTimestamp() > _coldBefore)
            return false;
        if (_include.Length == 0 && _exclude.Length == 0)
            return true;
        ReadOnlySpan<byte> path = ShownPath(file);
        return (_include.Length == 0 || NamePattern.AnyMatches(_include, path))
            && !NamePattern.AnyMatches(_exclude, path);
    }

    // Patterns are about names as users see them. To a conversion, the names in the source are those.
    private ReadOnlySpan<byte> ShownPath(in WalkedFile file)
    {
        ReadOnlySpan<byte> name = file.Name.Bytes, path = Relative(file.Folder.PathOf(name));
        if (options.Kind == ConversionKind.Convert)
            return path;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        _ = SourceNames.TryToLogical(
            file.Folder.Descriptor, name, isRegular: true, buffer, out ReadOnlySpan<byte> logical);
        return (byte[])[.. ShownFolder(path[..^name.Length]), .. logical];
    }

    private ReadOnlySpan<byte> ShownFolder(ReadOnlySpan<byte> path) =>
        options.Kind == ConversionKind.Convert ? path : SourceNames.ToLogicalPath(path.ToArray());

    private void Consider(in WalkedFile file, byte[] target)
    {
        Statx stat = file.Stat;
        byte[] original = file.Name.Terminated.ToArray(), path = file.Folder.PathOf(file.Name.Bytes);
        bool isInPlace = options.Kind == ConversionKind.Recompress;
        // The new form would get its name, and the old one could not lose its own.
        if (!isInPlace && file.Folder.Stat.IsAppendOnly)
        {
            candidates.Leave(path, LeftReason.NotPermitted, "the folder is append-only: chattr -a");
            return;
        }
        if (isInPlace && TriedLevel.IsNoted(file.Folder.Descriptor, file.Name, options, stat))
            return;
        Statx other = default;
        bool isTaken = !isInPlace && SystemCallsAt.Stat(file.Folder.Descriptor, new NativeName(target), out other) >= 0;
        if (isTaken && MayDefer && stat.LinkCount == 1 && IsTakenAway(file.Folder, new NativeName(target), other))
        {
            Deferred.Add(KeyOf(path));
            return;
        }
        if (isTaken && other.IsRegular && !IsOtherForm(file.Folder, new NativeName(target), other))
        {
            candidates.Leave(path, LeftReason.NameTaken, Show(target));
            return;
        }
        if (isTaken && (options.OnConflict == ConflictChoice.Skip || !other.IsRegular
            || other.LinkCount > 1 || stat.LinkCount > 1))
        {
            candidates.Leave(path, LeftReason.Conflict, Show(target));
            return;
        }
        NativeName node = StoredName.OfNode(file.Name.Bytes, stackalloc byte[StoredName.BufferBytes]);
        if (Wraps && SystemCallsAt.Stat(file.Folder.Descriptor, node, out other) >= 0 && !other.IsRegular)
        {
            // The mount shows the other file under this very name.
            candidates.Leave(path, LeftReason.Conflict, Show(node.Terminated.ToArray()));
            return;
        }
        if (stat.LinkCount > 1)
        {
            candidates.TakeLink(file, original, target);
            return;
        }
        bool originalWins = options.OnConflict
            == (options.Kind == ConversionKind.Convert ? ConflictChoice.KeepPlain : ConflictChoice.KeepCompressed);
        candidates.Take(new SwapJob([new SwapName(file.Folder.Retain(), original, target)], stat)
        {
            ReplacesTarget = isInPlace || isTaken && originalWins,
            KeepsTarget = isTaken && !originalWins,
        });
    }

    // 1 or 0, or −errno where the source cannot tell at this moment: then the walk reports the file and leaves it.
    private int IsFound(SourceFolder folder, NativeName name, in Statx stat) =>
        _tellsFound ? FoundFiles.Contain(folder.Descriptor, name, stat) : 0;

    /// <summary>
    /// Whether the file that has the new name is the other form of the same logical file, so that one of them may go. A
    /// found .zst file that is to keep its name is a file of its own, and so is a plain one whose stored form would be
    /// called .zst.zst: the mount shows what is called .zst by another name.
    /// </summary>
    private bool IsOtherForm(SourceFolder folder, NativeName target, in Statx other) => options.Kind switch
    {
        ConversionKind.Convert => options.Existing != ExistingChoice.Wrap || IsFound(folder, target, other) == 0,
        _ => !StoredName.TryToLogical(target.Bytes, out _),
    };

    /// <summary>Whether the file under a name is a .zst file that gets another name in this run.</summary>
    private bool IsTakenAway(SourceFolder folder, NativeName name, in Statx stat)
    {
        if (!stat.IsRegular || !StoredName.TryToLogical(name.Bytes, out _))
            return false;
        return options.Kind switch
        {
            ConversionKind.Convert => Wraps && IsFound(folder, name, stat) > 0,
            ConversionKind.Revert => options.Existing == ExistingChoice.Decode || IsFound(folder, name, stat) == 0,
            _ => false,
        };
    }

    private static string KeyOf(byte[] path) => System.Text.Encoding.Latin1.GetString(path);

    private ReadOnlySpan<byte> Relative(ReadOnlySpan<byte> path) =>
        start.IsRoot ? path : path[(start.Path.Length + 1)..];

    private static string Show(byte[] terminated) => $"'{new NativeName(terminated).ToString()}' is there too";
}
