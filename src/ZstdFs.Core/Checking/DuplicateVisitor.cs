using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>
/// Finds stored files that share an inode number. The first of them keeps it. The visitor reports the others, and gives
/// each of them a number of its own where there is an allocator.
/// </summary>
internal sealed class DuplicateVisitor(
    HashSet<ulong> duplicates, StateFolder? allocator, SourceTree source, FaultReport report) : ITreeVisitor
{
    private readonly Dictionary<ulong, ulong> _keepers = [];
    private readonly HashSet<ulong> _seen = [];

    public bool Enters(SourceFolder parent, NativeName name, in Statx stat)
    {
        Look(parent, name, stat, isStored: false);
        return true;
    }

    public bool Visit(in WalkedFile file)
    {
        bool isStored = file.Stat.IsRegular && StoredName.TryToLogical(file.Name.Bytes, out _);
        if (isStored || !file.Stat.IsRegular)
            Look(file.Folder, file.Name, file.Stat, isStored);
        return true;
    }

    public void Unreadable(byte[] path, Errno error) { }

    private void Look(SourceFolder folder, NativeName name, in Statx stat, bool isStored)
    {
        ulong number = InodeNumbers.NumberOf(source, folder, name, stat, isStored);
        if (!duplicates.Contains(number) || !_seen.Add(source.Devices.IdentityOf(stat)))
            return;
        // Anything else than a stored file has its number from the source and keeps it.
        bool keeps = !isStored || _keepers.TryAdd(number, stat.InodeNumber);
        bool mended = !keeps && allocator is not null && TryRenumber(folder, name, stat);
        if (!keeps)
            report.Add(
                folder.PathOf(name.Bytes), FaultKind.DuplicateNumber,
                $"another file has the inode number {number} too", mended);
    }

    private bool TryRenumber(SourceFolder folder, NativeName name, in Statx stat)
    {
        if (source.OpenWrite(folder.Descriptor, name, out FileDescriptor file) < 0)
            return false;
        using (file)
        {
            return SourceTree.TryReadRecord(file, out SizeRecord record) && source.Devices.IsOf(record, stat)
                && SourceTree.WriteRecord(file, record with { InodeNumber = allocator!.AllocateInodeNumber() }) >= 0;
        }
    }
}
