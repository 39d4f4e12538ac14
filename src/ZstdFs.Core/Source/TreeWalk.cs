using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// An entry that a walk found. Valid until the walk goes on; a visitor that keeps the folder retains it.
/// </summary>
/// <param name="folder">Where it is.</param>
/// <param name="name">Its name in there.</param>
/// <param name="stat">Its attributes.</param>
internal readonly ref struct WalkedFile(SourceFolder folder, NativeName name, in Statx stat)
{
    /// <summary>The folder that it is in.</summary>
    internal SourceFolder Folder { get; } = folder;

    /// <summary>Its name there.</summary>
    internal NativeName Name { get; } = name;

    /// <summary>Its attributes.</summary>
    internal Statx Stat { get; } = stat;
}

/// <summary>Takes what a walk finds. Called on the walking thread.</summary>
internal interface ITreeVisitor
{
    /// <summary>Something that is not a folder. False ends the walk.</summary>
    bool Visit(in WalkedFile file);

    /// <summary>Whether to go down into a folder.</summary>
    bool Enters(SourceFolder parent, NativeName name, in Statx stat);

    /// <summary>A folder or file that could not be looked at.</summary>
    void Unreadable(byte[] path, Errno error);

    /// <summary>
    /// The walk has listed a folder, and visited nothing in it yet. True where the visitor changed names in it: the
    /// walk lists it again.
    /// </summary>
    bool Listed(SourceFolder folder, DirectoryListing listing) => false;
}

/// <summary>
/// Walks a tree through the one door: from folder to folder by descriptor, never through a symlink, a folder's files
/// before its subfolders. What is ours is no part of the tree. One thread; one open descriptor for each level.
/// </summary>
internal sealed class TreeWalk(
    SourceTree source, ITreeVisitor visitor, bool oneFileSystem = true, bool inBirthOrder = false)
{
    private readonly record struct Seen(int Entry, Timestamp Birth);

    private sealed record Level(SourceFolder Folder, DirectoryListing Listing, List<int> Subfolders)
    {
        internal int Next;
    }

    /// <summary>Walks from a folder; the folder stays the caller's. False where the visitor ended the walk.</summary>
    internal bool Run(SourceFolder start)
    {
        var levels = new Stack<Level>();
        try
        {
            bool goesOn = Enter(start.Retain(), levels);
            while (goesOn && levels.TryPeek(out Level? level))
            {
                if (level.Next == level.Subfolders.Count)
                {
                    level.Folder.Release();
                    levels.Pop();
                    continue;
                }
                NativeName name = level.Listing.Name(level.Subfolders[level.Next++]);
                int result = Open(level.Folder, name, out SourceFolder? folder);
                if (result < 0)
                    visitor.Unreadable(level.Folder.PathOf(name.Bytes), (Errno)(-result));
                else if (folder is not null)
                    goesOn = Enter(folder, levels);
            }
            return goesOn;
        }
        finally
        {
            foreach (Level left in levels)
                left.Folder.Release();
        }
    }

    private bool Enter(SourceFolder folder, Stack<Level> levels)
    {
        int result = DirectoryListing.Read(folder.Descriptor, source.Watches, out DirectoryListing listing);
        if (result < 0)
        {
            visitor.Unreadable(folder.Path, (Errno)(-result));
            folder.Release();
            return true;
        }
        listing.SortByName();
        if (visitor.Listed(folder, listing))
        {
            if (DirectoryListing.Read(folder.Descriptor, source.Watches, out DirectoryListing changed) >= 0)
                listing = changed;
            listing.SortByName();
        }
        var level = new Level(folder, listing, []);
        levels.Push(level);
        return inBirthOrder ? VisitInBirthOrder(level) : VisitFiles(level);
    }

    private bool VisitFiles(Level level)
    {
        for (int i = 0; i < level.Listing.Count; i++)
        {
            if (Look(level, i, out Statx stat)
                && !visitor.Visit(new WalkedFile(level.Folder, level.Listing.Name(i), stat)))
                return false;
        }
        return true;
    }

    /// <summary>What the visitor makes for each file in turn is then born in the same order.</summary>
    private bool VisitInBirthOrder(Level level)
    {
        var files = new List<Seen>();
        for (int i = 0; i < level.Listing.Count; i++)
        {
            if (Look(level, i, out Statx stat))
                files.Add(new Seen(i, stat.Birth.ToTimestamp()));
        }
        files.Sort((a, b) => a.Birth.CompareTo(b.Birth) is not 0 and var order ? order : a.Entry.CompareTo(b.Entry));
        foreach (Seen file in files)
        {
            NativeName name = level.Listing.Name(file.Entry);
            int result = SystemCallsAt.Stat(level.Folder.Descriptor, name, out Statx stat);
            if (result is < 0 and not -(int)Errno.ENOENT)
                visitor.Unreadable(level.Folder.PathOf(name.Bytes), (Errno)(-result));
            if (result >= 0 && !visitor.Visit(new WalkedFile(level.Folder, name, stat)))
                return false;
        }
        return true;
    }

    /// <summary>True for what is not a folder. Folders are kept for later.</summary>
    private bool Look(Level level, int entry, out Statx stat)
    {
        NativeName name = level.Listing.Name(entry);
        if (StoredName.IsReserved(name.Bytes, level.Folder.IsRoot))
        {
            stat = default;
            return false;
        }
        int result = SystemCallsAt.Stat(level.Folder.Descriptor, name, out stat);
        if (result < 0)
        {
            if (result != -(int)Errno.ENOENT)
                visitor.Unreadable(level.Folder.PathOf(name.Bytes), (Errno)(-result));
            return false;
        }
        if (!oneFileSystem)
            source.Devices.Learn(level.Folder.Descriptor, name, stat);
        if (!stat.IsDirectory)
            return true;
        if ((!oneFileSystem || stat.Device == source.RootStat.Device) && visitor.Enters(level.Folder, name, stat))
            level.Subfolders.Add(entry);
        return false;
    }

    private int Open(SourceFolder parent, NativeName name, out SourceFolder? folder)
    {
        folder = null;
        int result = source.OpenListing(parent.Descriptor, name, out FileDescriptor descriptor);
        if (result == -(int)Errno.ENOENT)
            return 0;
        if (result < 0)
            return result;
        result = SystemCallsAt.Stat(descriptor, out Statx stat);
        if (result < 0)
            descriptor.Dispose();
        else
            folder = new SourceFolder(descriptor, parent.PathOf(name.Bytes), stat);
        return result;
    }
}
