using ZstdFs.Core.Conversion.Forms;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>Takes the names that are to be converted. The walk retains a job's folders for it.</summary>
internal interface IConversionCandidates
{
    /// <summary>A file with one name.</summary>
    void Take(SwapJob job);

    /// <summary>
    /// One name of a file with several. The file waits where one of its names <paramref name="waits"/>.
    /// </summary>
    void TakeLink(in WalkedFile file, byte[] original, byte[] target, bool waits);

    /// <summary>
    /// Gives a folder, symlink or special file its escaped name, because a stored file needs its own. True where the
    /// name is free then.
    /// </summary>
    bool MakeRoom(SourceFolder folder, NativeName name);

    /// <summary>A .zst file that nothing of ours wrote, and that stays.</summary>
    void Keep();

    /// <summary>A file that stays as it is.</summary>
    void Leave(ReadOnlySpan<byte> path, LeftReason reason, string detail);

    /// <summary>Something that could not be looked at.</summary>
    void Unreadable(byte[] path, Errno error);
}

/// <summary>Decides for every name that the walk meets whether to convert it, and into what.</summary>
internal sealed class ConversionWalk(
    SourceTree source, SourceFolder start, ConversionOptions options, GivenNumbers given,
    IConversionCandidates candidates, CancellationToken cancellation) : ITreeVisitor
{
    private readonly bool _tellsFound = FoundFiles.CanTell(source);
    private readonly WantedFiles _wanted = new(start, options);

    // Files for which no room could be made, because another file had the escaped name.
    private readonly HashSet<NameKey> _withoutRoom = [];

    /// <summary>The files to be considered; null for all.</summary>
    internal HashSet<NameKey>? Only { get; init; }

    /// <summary>A file may wait where another file has its new name, and this run will take that name away.</summary>
    internal bool MayDefer { get; init; } = true;

    /// <summary>The files with one name that wait.</summary>
    internal HashSet<NameKey> Deferred { get; } = [];

    public bool Enters(SourceFolder parent, NativeName name, in Statx stat)
    {
        if (!_wanted.Enters(parent.PathOf(name.Bytes)))
            return false;
        if (!IsOtherSource(parent, name))
            return true;
        candidates.Leave(parent.PathOf(name.Bytes), LeftReason.OtherSource, "");
        return false;
    }

    /// <summary>True also where a fault hides the answer: then the folder must not be touched either.</summary>
    internal static bool IsOtherSource(SourceFolder parent, NativeName name)
    {
        int result = SystemCallsAt.Stat(
            parent.Descriptor, new NativeName([.. name.Bytes, .. "/.zstdfs/lock\0"u8]), out Statx inner);
        return PassingFault.Is(result) || result >= 0 && inner.IsRegular;
    }

    /// <summary>
    /// Folders, symlinks and special files make room for the stored files that get their names in this walk. They do so
    /// before the walk notes any path below them.
    /// </summary>
    public bool Listed(SourceFolder folder, DirectoryListing listing)
    {
        bool isChanged = false;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        for (int i = 0; options.Kind == ConversionKind.Convert && i < listing.Count; i++)
        {
            NativeName name = listing.Name(i);
            if (listing.TypeOf(i) == FileType.EntryRegular
                || !StoredName.TryToLogical(name.Bytes, out ReadOnlySpan<byte> logical))
                continue;
            var plain = new NativeName([.. logical, 0]);
            if (SystemCallsAt.Stat(folder.Descriptor, plain, out Statx stat) < 0
                || !IsToBecome(new WalkedFile(folder, plain, stat), name))
                continue;
            if (candidates.MakeRoom(folder, name))
                isChanged = true;
            else if (IsRegular(folder, StoredName.OfNode(name.Bytes, buffer)))
                _withoutRoom.Add(NameKey.Of(folder, logical));
        }
        return isChanged;
    }

    private bool IsToBecome(in WalkedFile file, NativeName target) =>
        IsChosen(file) && FindTarget(file, out byte[]? found, out _) >= 0
            && found.AsSpan().SequenceEqual(target.Terminated) && _wanted.Contain(file);

    private static bool IsRegular(SourceFolder folder, NativeName name) =>
        SystemCallsAt.Stat(folder.Descriptor, name, out Statx stat) >= 0 && stat.IsRegular;

    public void Unreadable(byte[] path, Errno error) => candidates.Unreadable(path, error);

    public bool Visit(in WalkedFile file)
    {
        if (cancellation.IsCancellationRequested)
            return false;
        if (!IsChosen(file))
            return true;
        int result = FindTarget(file, out byte[]? target, out bool isKept);
        if (result < 0)
            candidates.Unreadable(file.Folder.PathOf(file.Name.Bytes), (Errno)(-result));
        if (isKept)
            candidates.Keep();
        if (target is not null && _wanted.Contain(file))
            Consider(file, target);
        return true;
    }

    private bool IsChosen(in WalkedFile file) => file.Stat.IsRegular
        && (!options.OneFileSystem || file.Stat.Device == source.RootStat.Device)
        && Only?.Contains(NameKey.Of(file.Folder, file.Name.Bytes)) != false;

    /// <summary>
    /// What the file is to become, if anything. −errno where the source cannot tell at this moment: then the file
    /// stays.
    /// </summary>
    private int FindTarget(in WalkedFile file, out byte[]? target, out bool isKept)
    {
        ReadOnlySpan<byte> name = file.Name.Bytes;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes], shown = stackalloc byte[StoredName.BufferBytes];
        (target, isKept) = (null, false);
        scoped ReadOnlySpan<byte> logical;
        bool isStored = StoredName.TryToLogical(name, out logical);
        if (options.Kind == ConversionKind.Convert && !isStored)
        {
            target = StoredName.Of(name, buffer).Terminated.ToArray();
            return 0;
        }
        if (!isStored || options is { Kind: ConversionKind.Convert, Existing: not ExistingChoice.Wrap })
            return 0;
        int found = options is { Kind: ConversionKind.Convert } or
            { Kind: ConversionKind.Revert, Existing: ExistingChoice.Show }
            ? IsFound(file.Folder, file.Name, file.Stat) : 0;
        if (found < 0)
            return found;
        isKept = found > 0 && options.Kind == ConversionKind.Revert;
        switch (options.Kind)
        {
            case ConversionKind.Convert when found > 0:
                target = StoredName.Of(name, buffer).Terminated.ToArray();
                return 0;
            case ConversionKind.Revert when found == 0:
                // Where a fault hides the whole name, the plain file would keep the shortened one for good.
                found = SourceNames.FindLogical(file.Folder.Descriptor, name, isRegular: true, shown, out logical);
                target = found >= 0 ? [.. logical, 0] : null;
                return Math.Min(found, 0);
            case ConversionKind.Recompress:
                target = [.. name, 0];
                return 0;
            default:
                return 0;
        }
    }

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
        if (isTaken && MayDefer && IsAwaited(file, new NativeName(target), other))
        {
            if (stat.LinkCount > 1)
                candidates.TakeLink(file, original, target, waits: true);
            else
                Deferred.Add(NameKey.Of(file.Folder, file.Name.Bytes));
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
        if (options.Kind == ConversionKind.Convert && StoredName.TryToLogical(file.Name.Bytes, out var logical)
            && !CanBeWrapped(file, logical, path))
            return;
        if (stat.LinkCount > 1)
        {
            candidates.TakeLink(file, original, target, waits: false);
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

    /// <summary>Leaves a found .zst file that a mount would not show as it is.</summary>
    private bool CanBeWrapped(in WalkedFile file, ReadOnlySpan<byte> logical, byte[] path)
    {
        NativeName node = StoredName.OfNode(file.Name.Bytes, stackalloc byte[StoredName.BufferBytes]);
        if (SystemCallsAt.Stat(file.Folder.Descriptor, node, out Statx other) >= 0 && !other.IsRegular)
        {
            // The mount shows the other file under this very name.
            candidates.Leave(path, LeftReason.Conflict, Show(node.Terminated.ToArray()));
            return false;
        }
        // The file came from another source, and its new form would have an attribute of the same name.
        if (StoredName.LooksShortened(logical)
            && FullNames.Find(file.Folder.Descriptor, file.Name, stackalloc byte[StoredName.BufferBytes], out _) != 0)
        {
            candidates.Leave(path, LeftReason.AttributesNotKept, FullNames.AttributeName.ToString());
            return false;
        }
        return true;
    }

    // 1 or 0, or −errno where the source cannot tell at this moment: then the walk reports the file and leaves it.
    private int IsFound(SourceFolder folder, NativeName name, in Statx stat) =>
        _tellsFound ? FoundFiles.Contain(folder.Descriptor, name, stat, given) : 0;

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

    /// <summary>
    /// Whether this run takes the new name from what has it: a .zst file that gets another name, or a folder, symlink
    /// or special file that waits for its own.
    /// </summary>
    private bool IsAwaited(in WalkedFile file, NativeName target, in Statx other)
    {
        bool isNode = !other.IsRegular, isStored = !isNode && StoredName.TryToLogical(target.Bytes, out _);
        return options.Kind switch
        {
            ConversionKind.Convert => isNode ? _withoutRoom.Contains(NameKey.Of(file.Folder, file.Name.Bytes))
                : isStored && options.Existing == ExistingChoice.Wrap && IsFound(file.Folder, target, other) > 0,
            ConversionKind.Revert => isNode ? options.RevertsAll && IsEscaped(target)
                : isStored && (options.Existing == ExistingChoice.Decode || IsFound(file.Folder, target, other) == 0),
            _ => false,
        };
    }

    private static bool IsEscaped(NativeName node) =>
        !StoredName.ToLogicalNode(node.Bytes, stackalloc byte[StoredName.BufferBytes]).SequenceEqual(node.Bytes);

    private static string Show(byte[] terminated) => $"'{new NativeName(terminated).ToString()}' is there too";
}
