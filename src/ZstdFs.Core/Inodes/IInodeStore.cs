namespace ZstdFs.Core.Inodes;

/// <summary>Where a file was when the kernel forgot it.</summary>
/// <param name="Parent">Inode number of its folder.</param>
/// <param name="Name">Logical name with its NUL.</param>
internal readonly record struct InodePlace(ulong Parent, byte[] Name);

/// <summary>
/// Remembers where the files are that the kernel has forgotten, so that a file handle leads to its file again. It is a
/// cache of what the source says: an entry may be missing or out of date, so the caller compares the number of what is
/// there now. Safe from any thread; no method but <see cref="TryFind"/> and <see cref="IDisposable.Dispose"/> waits for
/// a disk.
/// </summary>
internal interface IInodeStore : IDisposable
{
    /// <summary>The store drops nothing for want of room: a search through the whole source is worth keeping.</summary>
    bool KeepsAll { get; }

    /// <summary>Remembers a place, instead of the one before.</summary>
    void Put(ulong id, in InodePlace place);

    /// <summary>The file is gone, or has no name any more.</summary>
    void Remove(ulong id);

    /// <summary>The place put last.</summary>
    bool TryFind(ulong id, out InodePlace place);
}
