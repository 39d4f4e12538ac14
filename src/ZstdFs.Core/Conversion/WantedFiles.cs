using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Which files and folders a conversion was asked for. Patterns are about names as users see them in a mount, wherever
/// the names in the source are others.
/// </summary>
internal sealed class WantedFiles(SourceFolder start, ConversionOptions options)
{
    private readonly NamePattern[] _include = [.. options.Include.Select(static p => new NamePattern(p))];
    private readonly NamePattern[] _exclude = [.. options.Exclude.Select(static p => new NamePattern(p))];
    private readonly Timestamp _coldBefore = new(Timestamp.Now().Seconds - (long)options.ColdFor.TotalSeconds, 0);

    /// <summary>Whether to go down into the folder of this path below the source's root.</summary>
    internal bool Enters(byte[] path) =>
        _exclude.Length == 0 || !NamePattern.AnyMatches(_exclude, SourceNames.ToLogicalPath(Relative(path).ToArray()));

    /// <summary>Whether the file is one of them.</summary>
    internal bool Contain(in WalkedFile file)
    {
        // MinBytes is about logical sizes, and a stored file must be opened to learn its logical size.
        if (file.Stat.Size < options.MinBytes && options.Kind == ConversionKind.Convert
            || options.ColdFor > TimeSpan.Zero && file.Stat.AccessTime.ToTimestamp() > _coldBefore)
            return false;
        if (_include.Length == 0 && _exclude.Length == 0)
            return true;
        byte[] path = ShownPath(file);
        return (_include.Length == 0 || NamePattern.AnyMatches(_include, path))
            && !NamePattern.AnyMatches(_exclude, path);
    }

    private byte[] ShownPath(in WalkedFile file)
    {
        ReadOnlySpan<byte> name = file.Name.Bytes;
        byte[] folder = SourceNames.ToLogicalPath(Relative(file.Folder.PathOf(name))[..^name.Length].ToArray());
        // A mount shows the file under this very name, once it is converted.
        if (options.Kind == ConversionKind.Convert)
            return [.. folder, .. name];
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        _ = SourceNames.TryToLogical(
            file.Folder.Descriptor, name, isRegular: true, buffer, out ReadOnlySpan<byte> logical);
        return [.. folder, .. logical];
    }

    private ReadOnlySpan<byte> Relative(ReadOnlySpan<byte> path) =>
        start.IsRoot ? path : path[(start.Path.Length + 1)..];
}
