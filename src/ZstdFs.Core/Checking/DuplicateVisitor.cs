using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>
/// Finds stored files that share an inode number. The first of them keeps it, unless a folder, a symlink or a special
/// file has it. The visitor reports the others, and gives each of them a number of its own where there is an allocator.
/// </summary>
/// <param name="duplicates">The numbers; true where something has it that is no stored file.</param>
/// <param name="allocator">Gives new numbers; null to report only.</param>
/// <param name="source">The source.</param>
/// <param name="report">Told of each file.</param>
internal sealed class DuplicateVisitor(
    Dictionary<ulong, bool> duplicates, StateFolder? allocator, SourceTree source, FaultReport report) : ITreeVisitor
{
    private readonly HashSet<ulong> _keepers = [];
    private readonly HashSet<ulong> _seen = [];

    // A folder has its number from the source and keeps it, as everything does that is no stored file.
    public bool Enters(SourceFolder parent, NativeName name, in Statx stat) => true;

    public bool Visit(in WalkedFile file)
    {
        if (file.Stat.IsRegular && StoredName.TryToLogical(file.Name.Bytes, out _))
            Look(file.Folder, file.Name, file.Stat);
        return true;
    }

    public void Unreadable(byte[] path, Errno error) { }

    private void Look(SourceFolder folder, NativeName name, in Statx stat)
    {
        ulong number = InodeNumbers.NumberOf(source, folder, name, stat, isStored: true);
        if (!duplicates.TryGetValue(number, out bool isNative) || !_seen.Add(source.Devices.IdentityOf(stat))
            || !isNative && _keepers.Add(number))
            return;
        bool mended = allocator is not null && TryRenumber(folder, name, stat);
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
