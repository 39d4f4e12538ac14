using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The one door to the source. Every name below it is reached through the root's descriptor, one component at a time
/// and never through a symlink: so nothing in the source can lead out of it. The descriptor was taken before the mount:
/// so a mount over the source itself does not meet itself.
/// </summary>
internal sealed class SourceTree : IDisposable
{
    /// <summary>
    /// A record's window may end before the record is written. Where it always does, the change time moves.
    /// </summary>
    private const int MostAttempts = 4;
    private const long NfsMagic = 0x6969;

    private const ulong Beneath = ResolveFlags.Beneath | ResolveFlags.NoSymlinks | ResolveFlags.NoMagicLinks;

    internal SourceTree(FileDescriptor root, bool readOnly)
    {
        Root = root;
        int result = SystemCallsAt.Stat(root, out Statx stat);
        if (result < 0 || !stat.IsDirectory)
        {
            root.Dispose();
            throw new SourceException(SourceProblem.Unusable,
                $"the source is not a folder that can be read ({(Errno)(-result)})");
        }
        RootStat = stat;
        Devices = new SourceDevices(stat);
        Numbers = new UnrecordedNumbers(Devices);
        bool isKnown = SystemCallsFile.StatFileSystem(root, out StatFs statistics) >= 0;
        HasLeases = !isKnown || statistics.Type != NfsMagic;
        ReadOnly = readOnly || isKnown && (statistics.Flags & StatFs.ReadOnly) != 0;
    }

    /// <summary>The source's root folder.</summary>
    internal FileDescriptor Root { get; }

    /// <summary>The root as it was when the source was opened.</summary>
    internal Statx RootStat { get; }

    /// <summary>The file systems that it is made of.</summary>
    internal SourceDevices Devices { get; }

    /// <summary>
    /// Leases tell whether a program has a file open. NFS answers EAGAIN also where none has.
    /// </summary>
    internal bool HasLeases { get; }

    /// <summary>Inode numbers of what has no record.</summary>
    internal UnrecordedNumbers Numbers { get; }

    /// <summary>For readings of its folders.</summary>
    internal FolderWatches Watches { get; } = new();

    /// <summary>Nothing may be written.</summary>
    internal bool ReadOnly { get; }

    /// <summary>
    /// Opens a folder in an open folder, as a place for names only (O_PATH): that needs no read permission.
    /// </summary>
    internal int OpenDirectory(FileDescriptor parent, NativeName name, out FileDescriptor directory) =>
        SystemCallsAt.Open(parent, name, OpenFlags.PathOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, Beneath,
            out directory);

    /// <summary>Whatever has the name, for its attributes only (O_PATH): that needs no right to it.</summary>
    internal int OpenPath(FileDescriptor parent, NativeName name, out FileDescriptor file) =>
        SystemCallsAt.Open(parent, name, OpenFlags.PathOnly | OpenFlags.NoFollow, 0,
            ResolveFlags.Beneath | ResolveFlags.NoMagicLinks, out file);

    /// <summary>A folder for listing and synchronising.</summary>
    internal int OpenListing(FileDescriptor parent, NativeName name, out FileDescriptor directory) =>
        OpenUntouched(parent, name, OpenFlags.ReadOnly | OpenFlags.Directory, out directory);

    /// <summary>
    /// fsync(2) of a folder that was opened as a place for names only. Where the daemon may write to the folder but not
    /// read it, or the file system synchronises no folders, all of the source's file systems are synchronised instead.
    /// </summary>
    internal int SynchronizeFolder(FileDescriptor directory)
    {
        int result = OpenListing(directory, new NativeName(".\0"u8), out FileDescriptor listing);
        if (result >= 0)
        {
            using (listing)
                result = SystemCallsFile.Synchronize(listing);
        }
        if (result is not (-(int)Errno.EACCES or -(int)Errno.EPERM or -(int)Errno.EINVAL))
            return result;
        result = SystemCallsFile.SynchronizeFileSystem(Root);
        return result < 0 ? result : Devices.Synchronize();
    }

    /// <summary>A regular file for reading.</summary>
    internal int OpenRead(FileDescriptor parent, NativeName name, out FileDescriptor file) =>
        OpenUntouched(parent, name, OpenFlags.ReadOnly | OpenFlags.NonBlocking, out file);

    /// <summary>A regular file for reading and writing.</summary>
    internal int OpenWrite(FileDescriptor parent, NativeName name, out FileDescriptor file) =>
        OpenUntouched(parent, name, OpenFlags.ReadWrite | OpenFlags.NonBlocking, out file);

    /// <summary>The same for one that can only be appended to.</summary>
    internal int OpenAppend(FileDescriptor parent, NativeName name, out FileDescriptor file) =>
        OpenUntouched(parent, name, OpenFlags.ReadWrite | OpenFlags.Append | OpenFlags.NonBlocking, out file);

    /// <summary>A stored file that is open, for reading and writing, under whatever name it has.</summary>
    internal static int ReopenWrite(FileDescriptor stored, out FileDescriptor file) =>
        SystemCallsAt.Reopen(stored, OpenFlags.ReadWrite | OpenFlags.NonBlocking, out file);

    /// <summary>A new regular file; −EEXIST where the name is taken.</summary>
    internal int CreateFile(FileDescriptor parent, NativeName name, uint mode, out FileDescriptor file) =>
        Untouched(SystemCallsAt.Open(parent, name, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, mode,
            Beneath, out file), file);

    /// <summary>A new regular file without a name.</summary>
    internal int CreateUnnamedFile(FileDescriptor directory, uint mode, out FileDescriptor file) =>
        Untouched(SystemCallsAt.Open(directory, new NativeName(".\0"u8), OpenFlags.ReadWrite | OpenFlags.TemporaryFile,
            mode, Beneath, out file), file);

    /// <summary>
    /// Keeps the access time of a new file, which is read, too: compared with what it replaces, served, copied into the
    /// next version. Not by a flag of open(2): where the new file belongs to another user (NFS), open(2) makes it and
    /// then refuses the flag.
    /// </summary>
    private static int Untouched(int created, FileDescriptor file)
    {
        if (created >= 0)
            _ = SystemCallsFile.KeepAccessTime(file);
        return created;
    }

    /// <summary>
    /// Opens with O_NOATIME: a backup that reads the mount must not move access times in the source, which the next
    /// backup would notice. Only the owner and root may ask for O_NOATIME.
    /// </summary>
    private static int OpenUntouched(FileDescriptor parent, NativeName name, int flags, out FileDescriptor file)
    {
        int result = SystemCallsAt.Open(parent, name, flags | OpenFlags.NoAccessTime | OpenFlags.NoFollow, 0, Beneath,
            out file);
        return result == -(int)Errno.EPERM
            ? SystemCallsAt.Open(parent, name, flags | OpenFlags.NoFollow, 0, Beneath, out file)
            : result;
    }

    /// <summary>
    /// Reads the size record of a stored file; false where there is none, it is damaged, or the file system keeps none.
    /// </summary>
    internal static bool TryReadRecord(FileDescriptor directory, NativeName storedName, out SizeRecord record) =>
        ReadRecord(directory, storedName, out record) > 0;

    /// <inheritdoc cref="TryReadRecord(FileDescriptor, NativeName, out SizeRecord)"/>
    internal static bool TryReadRecord(FileDescriptor file, out SizeRecord record) => ReadRecord(file, out record) > 0;

    /// <summary>
    /// The same for a caller that makes a new record where there is none: 1 or 0, or −errno where a passing fault
    /// hides it.
    /// </summary>
    internal static int ReadRecord(FileDescriptor directory, NativeName storedName, out SizeRecord record)
    {
        Span<byte> bytes = stackalloc byte[SizeRecord.Bytes];
        int length = ExtendedAttributes.Get(directory, storedName, SizeRecord.AttributeName, bytes);
        if (length == -(int)Errno.ERANGE)
        {
            bytes = new byte[ExtendedAttributes.LongestBytes];
            length = ExtendedAttributes.Get(directory, storedName, SizeRecord.AttributeName, bytes);
        }
        return RecordOf(length, bytes, out record);
    }

    /// <inheritdoc cref="ReadRecord(FileDescriptor, NativeName, out SizeRecord)"/>
    internal static int ReadRecord(FileDescriptor file, out SizeRecord record)
    {
        Span<byte> bytes = stackalloc byte[SizeRecord.Bytes];
        int length = ExtendedAttributes.Get(file, SizeRecord.AttributeName, bytes);
        if (length == -(int)Errno.ERANGE)
        {
            bytes = new byte[ExtendedAttributes.LongestBytes];
            length = ExtendedAttributes.Get(file, SizeRecord.AttributeName, bytes);
        }
        return RecordOf(length, bytes, out record);
    }

    private static int RecordOf(int length, ReadOnlySpan<byte> bytes, out SizeRecord record)
    {
        record = default;
        if (PassingFault.Is(length))
            return length;
        return length > 0 && SizeRecord.TryRead(bytes[..length], out record) ? 1 : 0;
    }

    /// <summary>Writes an open stored file's size record. −EOPNOTSUPP where the file system keeps none.</summary>
    internal static int WriteRecord(FileDescriptor file, in SizeRecord record) => WriteRecord(file, record, out _);

    /// <param name="file">The stored file.</param>
    /// <param name="record">What it is to say; its window begins now.</param>
    /// <param name="windowEnd">
    /// End of the window: a step that moves the change time after it must write the record again.
    /// </param>
    internal static int WriteRecord(FileDescriptor file, in SizeRecord record, out long windowEnd)
    {
        Span<byte> bytes = stackalloc byte[SizeRecord.Bytes];
        int result, attempt = 0;
        do
        {
            (record with { WindowEnd = windowEnd = ChangeWindow.Next() }).Write(bytes);
            result = SetAttribute(file, SizeRecord.AttributeName, bytes);
        }
        while (result >= 0 && ChangeWindow.IsOver(windowEnd) && ++attempt < MostAttempts);
        return result;
    }

    /// <summary>
    /// Writes the record of a stored file that had none. −EEXIST where another thread has written one since: with a
    /// second number the file would be two. −EPERM where a newer zstdfs has: this program must not replace its
    /// record.
    /// </summary>
    internal static int WriteFirstRecord(FileDescriptor file, in SizeRecord record, out long windowEnd)
    {
        Span<byte> bytes = stackalloc byte[SizeRecord.Bytes];
        (record with { WindowEnd = windowEnd = ChangeWindow.Next() }).Write(bytes);
        int result = SetAttribute(file, SizeRecord.AttributeName, bytes, ExtendedAttributes.CreateOnly);
        SizeRecord there = default;
        if (result == -(int)Errno.EEXIST && ReadRecord(file, out there) != 0)
            return result;
        if (there.IsNewer)
            return -(int)Errno.EPERM;
        // The attribute there is no record of ours, or the step took longer than the record says.
        bool isToBeWritten = result == -(int)Errno.EEXIST || result >= 0 && ChangeWindow.IsOver(windowEnd);
        return isToBeWritten ? WriteRecord(file, record, out windowEnd) : result;
    }

    /// <summary>
    /// Sets an attribute of ours on an open stored file. −EOPNOTSUPP where the file system keeps none.
    /// </summary>
    internal static int SetAttribute(FileDescriptor file, NativeName attribute, ReadOnlySpan<byte> value, int flags = 0)
    {
        int result = ExtendedAttributes.Set(file, attribute, value, flags);
        return result == -(int)Errno.EACCES ? SetWhereItsOwnerMayNotWrite(file, attribute, value, flags) : result;
    }

    /// <summary>
    /// For an ordinary user's file of mode 0444: Linux looks at the mode, however the file was opened. The owner may
    /// give himself the right.
    /// </summary>
    private static int SetWhereItsOwnerMayNotWrite(
        FileDescriptor file, NativeName attribute, ReadOnlySpan<byte> value, int flags)
    {
        const uint OwnerWrites = 0b010_000_000, Permissions = 0xFFF;
        int result = SystemCallsAt.Stat(file, out Statx stat);
        if (result >= 0)
            result = SystemCallsFile.ChangeMode(file, stat.Mode & Permissions | OwnerWrites);
        if (result < 0)
            return -(int)Errno.EACCES;
        result = ExtendedAttributes.Set(file, attribute, value, flags);
        int restored = SystemCallsFile.ChangeMode(file, stat.Mode & Permissions);
        return result < 0 ? result : restored;
    }

    /// <summary>Writes the size record of a stored file by name.</summary>
    internal static int WriteRecord(FileDescriptor directory, NativeName storedName, in SizeRecord record) =>
        WriteRecord(directory, storedName, record, out _);

    /// <inheritdoc cref="WriteRecord(FileDescriptor, in SizeRecord, out long)"/>
    internal static int WriteRecord(
        FileDescriptor directory, NativeName storedName, in SizeRecord record, out long windowEnd)
    {
        Span<byte> bytes = stackalloc byte[SizeRecord.Bytes];
        int result, attempt = 0;
        do
        {
            (record with { WindowEnd = windowEnd = ChangeWindow.Next() }).Write(bytes);
            result = ExtendedAttributes.Set(directory, storedName, SizeRecord.AttributeName, bytes, 0);
        }
        while (result >= 0 && ChangeWindow.IsOver(windowEnd) && ++attempt < MostAttempts);
        if (result != -(int)Errno.EACCES || SystemCallsAt.Open(directory, storedName,
            OpenFlags.ReadOnly | OpenFlags.NoFollow | OpenFlags.NonBlocking | OpenFlags.NoAccessTime, 0,
            out FileDescriptor file) < 0)
            return result;
        using (file)
            return WriteRecord(file, record, out windowEnd);
    }

    public void Dispose()
    {
        Watches.Dispose();
        Devices.Dispose();
        Root.Dispose();
    }
}
