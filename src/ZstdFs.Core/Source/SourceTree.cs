using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The one door to the source: every name below it is reached through the root's descriptor, taken before the mount, one component at a
/// time and never through a symlink, so that nothing in the source can lead out of it, and a mount over the source itself does not meet itself.
/// </summary>
internal sealed class SourceTree : IDisposable
{
    private const ulong Beneath = ResolveFlags.Beneath | ResolveFlags.NoSymlinks | ResolveFlags.NoMagicLinks;

    internal SourceTree(FileDescriptor root, bool readOnly)
    {
        Root = root;
        int result = SystemCallsAt.Stat(root, out Statx stat);
        if (result < 0 || !stat.IsDirectory)
            throw new SourceException(SourceProblem.Unusable, $"the source is not a folder that can be read ({(Errno)(-result)})");
        RootStat = stat;
        Devices = new SourceDevices(stat);
        ReadOnly = readOnly || (SystemCallsFile.StatFileSystem(root, out StatFs statistics) >= 0 && (statistics.Flags & StatFs.ReadOnly) != 0);
    }

    /// <summary>The source's root folder.</summary>
    internal FileDescriptor Root { get; }

    /// <summary>The root as it was when the source was opened.</summary>
    internal Statx RootStat { get; }

    /// <summary>The file systems that it is made of.</summary>
    internal SourceDevices Devices { get; }

    /// <summary>Nothing may be written.</summary>
    internal bool ReadOnly { get; }

    /// <summary>A folder in an open folder, as a place for names only (O_PATH): that needs no read permission.</summary>
    internal int OpenDirectory(FileDescriptor parent, NativeName name, out FileDescriptor directory) =>
        SystemCallsAt.Open(parent, name, OpenFlags.PathOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, Beneath, out directory);

    /// <summary>A folder for listing and synchronising.</summary>
    internal int OpenListing(FileDescriptor parent, NativeName name, out FileDescriptor directory) =>
        OpenUntouched(parent, name, OpenFlags.ReadOnly | OpenFlags.Directory, out directory);

    /// <summary>fsync(2) of a folder that was opened as a place for names only.</summary>
    internal int SynchronizeFolder(FileDescriptor directory)
    {
        int result = OpenListing(directory, new NativeName(".\0"u8), out FileDescriptor listing);
        if (result < 0)
            return result;
        using (listing)
            return SystemCallsFile.Synchronize(listing);
    }

    /// <summary>A regular file for reading.</summary>
    internal int OpenRead(FileDescriptor parent, NativeName name, out FileDescriptor file) =>
        OpenUntouched(parent, name, OpenFlags.ReadOnly | OpenFlags.NonBlocking, out file);

    /// <summary>A regular file for reading and writing.</summary>
    internal int OpenWrite(FileDescriptor parent, NativeName name, out FileDescriptor file) =>
        OpenUntouched(parent, name, OpenFlags.ReadWrite | OpenFlags.NonBlocking, out file);

    /// <summary>A new regular file; −EEXIST where the name is taken.</summary>
    internal int CreateFile(FileDescriptor parent, NativeName name, uint mode, out FileDescriptor file) =>
        SystemCallsAt.Open(parent, name, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, mode, Beneath, out file);

    /// <summary>A new regular file without a name.</summary>
    internal int CreateUnnamedFile(FileDescriptor directory, uint mode, out FileDescriptor file) =>
        SystemCallsAt.Open(directory, new NativeName(".\0"u8), OpenFlags.ReadWrite | OpenFlags.TemporaryFile, mode, Beneath, out file);

    /// <summary>
    /// A source whose access times move because a backup read the mount would be noticed by the next backup: so O_NOATIME, which only the owner
    /// and root may ask for.
    /// </summary>
    private static int OpenUntouched(FileDescriptor parent, NativeName name, int flags, out FileDescriptor file)
    {
        int result = SystemCallsAt.Open(parent, name, flags | OpenFlags.NoAccessTime | OpenFlags.NoFollow, 0, Beneath, out file);
        return result == -(int)Errno.EPERM
            ? SystemCallsAt.Open(parent, name, flags | OpenFlags.NoFollow, 0, Beneath, out file)
            : result;
    }

    /// <summary>Reads the size record of a stored file; false where there is none, it is damaged, or the file system keeps none.</summary>
    internal static bool TryReadRecord(FileDescriptor directory, NativeName storedName, out SizeRecord record)
    {
        Span<byte> bytes = stackalloc byte[SizeRecord.Bytes];
        int length = ExtendedAttributes.Get(directory, storedName, SizeRecord.AttributeName, bytes);
        record = default;
        return length == SizeRecord.Bytes && SizeRecord.TryRead(bytes, out record);
    }

    /// <inheritdoc cref="TryReadRecord(FileDescriptor, NativeName, out SizeRecord)"/>
    internal static bool TryReadRecord(FileDescriptor file, out SizeRecord record)
    {
        Span<byte> bytes = stackalloc byte[SizeRecord.Bytes];
        int length = ExtendedAttributes.Get(file, SizeRecord.AttributeName, bytes);
        record = default;
        return length == SizeRecord.Bytes && SizeRecord.TryRead(bytes, out record);
    }

    /// <summary>Writes the size record of an open stored file. −EOPNOTSUPP where the file system keeps none.</summary>
    internal static int WriteRecord(FileDescriptor file, in SizeRecord record)
    {
        Span<byte> bytes = stackalloc byte[SizeRecord.Bytes];
        record.Write(bytes);
        int result = ExtendedAttributes.Set(file, SizeRecord.AttributeName, bytes, 0);
        return result == -(int)Errno.EACCES ? SetWhereItsOwnerMayNotWrite(file, bytes) : result;
    }

    /// <summary>An ordinary user's file of mode 0444: Linux looks at the mode, however the file was opened. Its owner may give himself the right.</summary>
    private static int SetWhereItsOwnerMayNotWrite(FileDescriptor file, ReadOnlySpan<byte> record)
    {
        const uint OwnerWrites = 0b010_000_000, Permissions = 0xFFF;
        int result = SystemCallsAt.Stat(file, out Statx stat);
        if (result >= 0)
            result = SystemCallsFile.ChangeMode(file, stat.Mode & Permissions | OwnerWrites);
        if (result < 0)
            return -(int)Errno.EACCES;
        result = ExtendedAttributes.Set(file, SizeRecord.AttributeName, record, 0);
        int restored = SystemCallsFile.ChangeMode(file, stat.Mode & Permissions);
        return result < 0 ? result : restored;
    }

    /// <summary>Writes the size record of a stored file by name.</summary>
    internal static int WriteRecord(FileDescriptor directory, NativeName storedName, in SizeRecord record)
    {
        Span<byte> bytes = stackalloc byte[SizeRecord.Bytes];
        record.Write(bytes);
        return ExtendedAttributes.Set(directory, storedName, SizeRecord.AttributeName, bytes, 0);
    }

    public void Dispose()
    {
        Devices.Dispose();
        Root.Dispose();
    }
}
