using System.Buffers.Binary;
using System.Security.Cryptography;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// <c>.zstdfs/</c> in the source root: the lock that keeps a second writer out, the state file, and <c>working/</c>, where working copies and
/// stored files under construction live, on the same file system as what they become. The layout is in docs/file-format.md.
/// </summary>
internal sealed class StateFolder : IDisposable
{
    private const int StateBytes = 64;
    private const uint Magic = 0x53465A7A; // "zZFS"
    private const uint Version = 1;

    /// <summary>Above any inode number that a file system here gives, below 2^53, which programs that keep numbers as doubles can hold.</summary>
    private const ulong FirstInodeNumber = 1UL << 52;

    /// <summary>Numbers reserved by one write of the state file: what a crash may skip.</summary>
    private const ulong BlockOfNumbers = 1 << 16;

    private readonly FileDescriptor _lock;
    private readonly FileDescriptor _state;

    // Guards the two numbers below and the state file's content. A write of the state file happens under it once in 65,536 creations.
    private readonly Lock _gate = new();
    private readonly byte[] _sourceId = new byte[16];
    private ulong _nextNumber;
    private ulong _reservedUpTo;

    private StateFolder(FileDescriptor folder, FileDescriptor working, FileDescriptor lockFile, FileDescriptor state)
    {
        (Folder, Working, _lock, _state) = (folder, working, lockFile, state);
    }

    /// <summary>The folder <c>.zstdfs</c>.</summary>
    internal FileDescriptor Folder { get; }

    /// <summary>The folder <c>working</c>.</summary>
    internal FileDescriptor Working { get; }

    /// <summary>Opens it, making what is missing. Returns null where the source cannot be written; <paramref name="reason"/> says why.</summary>
    /// <exception cref="SourceException">Another daemon serves the source, or the state is damaged.</exception>
    internal static StateFolder? TryOpen(SourceTree source, out Errno reason)
    {
        int result = OpenOrMakeFolder(source, source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder);
        reason = (Errno)(-Math.Min(result, 0));
        if (result < 0)
            return null;
        result = OpenOrMakeFolder(source, folder, new NativeName("working\0"u8), out FileDescriptor working);
        FileDescriptor lockFile = null!, state = null!;
        if (result >= 0)
            result = OpenOrCreate(folder, new NativeName("lock\0"u8), out lockFile);
        if (result >= 0)
            result = OpenOrCreate(folder, new NativeName("state\0"u8), out state);
        reason = (Errno)(-Math.Min(result, 0));
        if (result < 0)
            return null;
        if (SystemCallsFile.TryLock(lockFile, exclusive: true) < 0)
            throw new SourceException(SourceProblem.InUse, "the source is already served by another zstdfs (.zstdfs/lock is held); unmount that first, or mount with -o ro");
        var opened = new StateFolder(folder, working, lockFile, state);
        opened.ReadState();
        return opened;
    }

    /// <summary>The next inode number for a file that the mount creates: never given twice, crashes included.</summary>
    internal ulong AllocateInodeNumber()
    {
        lock (_gate)
        {
            if (_nextNumber == _reservedUpTo)
            {
                // On disk before the first number of the block is used; a state file that cannot be written costs numbers, not uniqueness within this mount.
                _reservedUpTo += BlockOfNumbers;
                WriteState();
            }
            return _nextNumber++;
        }
    }

    /// <summary>Moves the allocator past a number found in use.</summary>
    internal void NoteInUse(ulong inodeNumber)
    {
        if (inodeNumber < FirstInodeNumber || inodeNumber >= FirstInodeNumber << 1)
            return;
        lock (_gate)
        {
            if (inodeNumber < _nextNumber)
                return;
            _nextNumber = inodeNumber + 1;
            if (_nextNumber > _reservedUpTo)
                _reservedUpTo = _nextNumber;
        }
    }

    /// <summary>
    /// Removes the folder where nothing in it is of any use to a plain folder: the way back from a source. It stays where there is anything that it does not know.
    /// </summary>
    internal bool TryRemove(SourceTree source)
    {
        if (DirectoryListing.Read(Working, out DirectoryListing working) < 0 || working.Count > 0)
            return false;
        if (source.OpenListing(Folder, new NativeName(".\0"u8), out FileDescriptor again) < 0)
            return false;
        using (again)
        {
            if (DirectoryListing.Read(again, out DirectoryListing entries) < 0 || entries.Count != 3)
                return false;
        }
        _ = SystemCallsAt.RemoveDirectory(Folder, new NativeName("working\0"u8));
        _ = SystemCallsAt.Unlink(Folder, new NativeName("state\0"u8));
        _ = SystemCallsAt.Unlink(Folder, new NativeName("lock\0"u8));
        return SystemCallsAt.RemoveDirectory(source.Root, new NativeName(".zstdfs\0"u8)) >= 0;
    }

    /// <summary>What <see cref="Examine"/> says of a state that this version must not touch.</summary>
    internal const string NewerVersion = "it was written by a newer zstdfs: use that version";

    /// <summary>Whether a number is one of those that the allocator gives.</summary>
    internal static bool IsAllocated(ulong inodeNumber) => inodeNumber >= FirstInodeNumber && inodeNumber < FirstInodeNumber << 1;

    /// <summary>What is wrong with the state file in this folder; null where nothing is, or where it is not there or empty and so not yet used.</summary>
    internal static string? Examine(FileDescriptor folder, out bool exists, out ulong reservedUpTo)
    {
        exists = false;
        reservedUpTo = 0;
        int result = SystemCallsAt.Open(folder, new NativeName("state\0"u8), OpenFlags.ReadOnly, 0, out FileDescriptor file);
        if (result < 0)
            return result == -(int)Errno.ENOENT ? null : $"it cannot be read ({(Errno)(-result)})";
        using (file)
        {
            Span<byte> state = stackalloc byte[StateBytes + 1];
            int length = SystemCallsFile.Read(file, 0, state);
            exists = true;
            if (length == 0)
                return null;
            if (length != StateBytes || BinaryPrimitives.ReadUInt32LittleEndian(state) != Magic)
                return "it is damaged";
            reservedUpTo = BinaryPrimitives.ReadUInt64LittleEndian(state[24..]);
            return BinaryPrimitives.ReadUInt32LittleEndian(state[4..]) == Version ? null : NewerVersion;
        }
    }

    private void ReadState()
    {
        Span<byte> state = stackalloc byte[StateBytes];
        int length = SystemCallsFile.Read(_state, 0, state);
        if (length == 0)
        {
            RandomNumberGenerator.Fill(_sourceId);
            _nextNumber = _reservedUpTo = FirstInodeNumber;
            return;
        }
        if (length != StateBytes || BinaryPrimitives.ReadUInt32LittleEndian(state) != Magic)
            throw new SourceException(SourceProblem.DamagedState, ".zstdfs/state is damaged; remove that file and mount again (inode numbers of new files start anew)");
        if (BinaryPrimitives.ReadUInt32LittleEndian(state[4..]) != Version)
            throw new SourceException(SourceProblem.DamagedState, ".zstdfs/state was written by a newer zstdfs; use that version");
        state.Slice(8, 16).CopyTo(_sourceId);
        _nextNumber = _reservedUpTo = Math.Max(FirstInodeNumber, BinaryPrimitives.ReadUInt64LittleEndian(state[24..]));
    }

    private void WriteState()
    {
        Span<byte> state = stackalloc byte[StateBytes];
        state.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(state, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(state[4..], Version);
        _sourceId.CopyTo(state[8..]);
        BinaryPrimitives.WriteUInt64LittleEndian(state[24..], _reservedUpTo);
        if (SystemCallsFile.Write(_state, 0, state) == 0)
            _ = SystemCallsFile.SynchronizeData(_state);
    }

    private static int OpenOrMakeFolder(SourceTree source, FileDescriptor parent, NativeName name, out FileDescriptor folder)
    {
        int result = source.OpenListing(parent, name, out folder);
        if (result != -(int)Errno.ENOENT)
            return result;
        result = SystemCallsAt.MakeDirectory(parent, name, 0b111_000_000);
        return result < 0 ? result : source.OpenListing(parent, name, out folder);
    }

    private static int OpenOrCreate(FileDescriptor folder, NativeName name, out FileDescriptor file) =>
        SystemCallsAt.Open(folder, name, OpenFlags.ReadWrite | OpenFlags.Create, 0b110_000_000, out file);

    public void Dispose()
    {
        _state.Dispose();
        _lock.Dispose();
        Working.Dispose();
        Folder.Dispose();
    }
}
