using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>Who gets the names that are to be converted. A job's folders are retained for it.</summary>
internal interface IConversionCandidates
{
    /// <summary>A file with one name.</summary>
    void Take(SwapJob job);

    /// <summary>One name of a file with several.</summary>
    void TakeLink(in WalkedFile file, byte[] original, byte[] target);

    /// <summary>A file that stays as it is.</summary>
    void Leave(ReadOnlySpan<byte> path, LeftReason reason, string detail);

    /// <summary>Something that could not be looked at.</summary>
    void Unreadable(byte[] path, Errno error);
}

/// <summary>Says of every name that the walk comes upon whether it is to be converted, and into what.</summary>
internal sealed class ConversionWalk(
    SourceTree source, SourceFolder start, ConversionOptions options, IConversionCandidates candidates, CancellationToken cancellation) : ITreeVisitor
{
    private readonly NamePattern[] _include = [.. options.Include.Select(p => new NamePattern(p))];
    private readonly NamePattern[] _exclude = [.. options.Exclude.Select(p => new NamePattern(p))];
    private readonly Timestamp _coldBefore = new(Timestamp.Now().Seconds - (long)options.ColdFor.TotalSeconds, 0);

    public bool Enters(SourceFolder parent, NativeName name, in Statx stat)
    {
        if (NamePattern.AnyMatches(_exclude, Relative(parent.PathOf(name.Bytes))))
            return false;
        if (SystemCallsAt.Stat(parent.Descriptor, new NativeName([.. name.Bytes, .. "/.zstdfs/lock\0"u8]), out Statx inner) < 0 || !inner.IsRegular)
            return true;
        candidates.Leave(parent.PathOf(name.Bytes), LeftReason.OtherSource, "");
        return false;
    }

    public void Unreadable(byte[] path, Errno error) => candidates.Unreadable(path, error);

    public bool Visit(in WalkedFile file)
    {
        if (cancellation.IsCancellationRequested)
            return false;
        Statx stat = file.Stat;
        if (stat.IsRegular && (!options.OneFileSystem || stat.Device == source.RootStat.Device) && TryName(file, out byte[]? target) && IsWanted(file))
            Consider(file, target!);
        return true;
    }

    private bool TryName(in WalkedFile file, out byte[]? target)
    {
        ReadOnlySpan<byte> name = file.Name.Bytes;
        bool isStored = StoredName.TryToLogical(name, out ReadOnlySpan<byte> logical);
        target = options.Kind switch
        {
            ConversionKind.Convert => isStored ? null : [.. name, .. ".zst\0"u8],
            ConversionKind.Revert => isStored ? [.. logical, 0] : null,
            _ => isStored ? [.. name, 0] : null,
        };
        return target is not null;
    }

    private bool IsWanted(in WalkedFile file)
    {
        // Of a stored file only the stored size is known without opening it.
        if (file.Stat.Size < options.MinBytes && options.Kind == ConversionKind.Convert || options.ColdFor > TimeSpan.Zero && file.Stat.AccessTime.ToTimestamp() > _coldBefore)
            return false;
        if (_include.Length == 0 && _exclude.Length == 0)
            return true;
        ReadOnlySpan<byte> path = Relative(file.Folder.PathOf(file.Name.Bytes));
        // Patterns speak of files as users see them.
        if (options.Kind != ConversionKind.Convert)
            path = path[..^4];
        return (_include.Length == 0 || NamePattern.AnyMatches(_include, path)) && !NamePattern.AnyMatches(_exclude, path);
    }

    private void Consider(in WalkedFile file, byte[] target)
    {
        Statx stat = file.Stat;
        byte[] original = file.Name.Terminated.ToArray(), path = file.Folder.PathOf(file.Name.Bytes);
        if (target.Length > StoredName.MaxStoredBytes + 1)
        {
            candidates.Leave(path, LeftReason.NameTooLong, "");
            return;
        }
        bool isInPlace = options.Kind == ConversionKind.Recompress;
        if (isInPlace && TriedLevel.IsNoted(file.Folder.Descriptor, file.Name, options, stat))
            return;
        Statx other = default;
        bool isTaken = !isInPlace && SystemCallsAt.Stat(file.Folder.Descriptor, new NativeName(target), out other) >= 0;
        if (isTaken && (options.OnConflict == ConflictChoice.Skip || !other.IsRegular || other.LinkCount > 1 || stat.LinkCount > 1))
        {
            candidates.Leave(path, LeftReason.Conflict, Show(target));
            return;
        }
        if (stat.LinkCount > 1)
        {
            candidates.TakeLink(file, original, target);
            return;
        }
        bool originalWins = options.OnConflict == (options.Kind == ConversionKind.Convert ? ConflictChoice.KeepPlain : ConflictChoice.KeepCompressed);
        candidates.Take(new SwapJob([new SwapName(file.Folder.Retain(), original, target)], stat)
        {
            ReplacesTarget = isInPlace || isTaken && originalWins,
            KeepsTarget = isTaken && !originalWins,
        });
    }

    private ReadOnlySpan<byte> Relative(ReadOnlySpan<byte> path) => start.IsRoot ? path : path[(start.Path.Length + 1)..];

    private static string Show(byte[] terminated) => $"'{new NativeName(terminated).ToString()}' is there too";
}
