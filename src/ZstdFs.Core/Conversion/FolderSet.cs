using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Opens folders again by path, each once, and so knows the times that they had before the first change in them.
/// </summary>
internal sealed class FolderSet(SourceTree source)
{
    private readonly Dictionary<string, SourceFolder> _folders = [];

    /// <summary>
    /// All names of a file with their folders, retained for a job. False where a name is gone or leads to another file,
    /// or where the file has other names by now.
    /// </summary>
    internal bool TryNames(HardLinks.Group group, out SwapName[] names, out Statx stat)
    {
        var found = new List<SwapName>();
        foreach ((byte[] path, byte[] original, byte[] target) in group.Names)
        {
            if (Folder(path) is { } folder)
                found.Add(new SwapName(folder.Retain(), original, target));
        }
        names = [.. found];
        stat = default;
        if (found.Count == group.Names.Count
            && SystemCallsAt.Stat(names[0].Folder.Descriptor, names[0].OriginalName, out stat) >= 0
            && stat.LinkCount == group.LinkCount && LeadTo(stat, names))
            return true;
        foreach (SwapName name in names)
            name.Folder.Release();
        return false;
    }

    private static bool LeadTo(in Statx file, SwapName[] names)
    {
        foreach (SwapName name in names)
        {
            if (SystemCallsAt.Stat(name.Folder.Descriptor, name.OriginalName, out Statx stat) < 0
                || stat.InodeNumber != file.InodeNumber || stat.Device != file.Device)
                return false;
        }
        return true;
    }

    /// <summary>Closes the folders.</summary>
    internal void Release()
    {
        foreach (SourceFolder folder in _folders.Values)
            folder.Release();
    }

    private SourceFolder? Folder(byte[] path)
    {
        string key = Convert.ToBase64String(path);
        if (_folders.TryGetValue(key, out SourceFolder? folder))
            return folder;
        if (JournalRecovery.OpenFolder(source, path) is not { } descriptor)
            return null;
        if (SystemCallsAt.Stat(descriptor, out Statx stat) < 0)
        {
            descriptor.Dispose();
            return null;
        }
        return _folders[key] = new SourceFolder(descriptor, path, stat);
    }
}
