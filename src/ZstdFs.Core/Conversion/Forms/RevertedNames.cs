using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion.Forms;

/// <summary>
/// The end of a revert. Gives folders, symlinks and special files their own names again where a stored file had taken
/// them. Removes what a mount noted on files that it only looked at. Each step can be interrupted and repeated.
/// </summary>
/// <param name="forgetsRecords">
/// The source becomes a plain folder: files lose their records of this source (<paramref name="given"/>).
/// </param>
/// <param name="given">The numbers of this source.</param>
/// <param name="candidates">Is told of what keeps its name. Null where the conversion tries again.</param>
/// <param name="cancellation">Ends it early.</param>
internal sealed class RevertedNames(bool forgetsRecords, GivenNumbers given, IConversionCandidates? candidates,
    CancellationToken cancellation) : ITreeVisitor
{
    /// <summary>Something has its own name again.</summary>
    internal bool HasChanged { get; private set; }

    public bool Listed(SourceFolder folder, DirectoryListing listing)
    {
        bool isChanged = false;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes],
            terminated = stackalloc byte[StoredName.BufferBytes];
        // The names are in order, x.zs% before x.zs%%, so that each finds its place free.
        for (int i = 0; i < listing.Count; i++)
        {
            NativeName name = listing.Name(i);
            ReadOnlySpan<byte> logical = StoredName.ToLogicalNode(name.Bytes, buffer);
            if (logical.SequenceEqual(name.Bytes) || SystemCallsAt.Stat(folder.Descriptor, name, out Statx stat) < 0
                || stat.IsRegular)
                continue;
            int result = SystemCallsAt.Rename(folder.Descriptor, name, folder.Descriptor,
                SourceNames.Itself(logical, terminated), RenameFlags.NoReplace);
            isChanged |= result >= 0;
            if (result == -(int)Errno.EEXIST)
                candidates?.Leave(folder.PathOf(name.Bytes), LeftReason.Conflict, "");
            else if (result < 0)
                candidates?.Unreadable(folder.PathOf(name.Bytes), (Errno)(-result));
        }
        HasChanged |= isChanged;
        if (isChanged)
            _ = SystemCallsFile.SetTimes(folder.Descriptor, folder.Stat.AccessTime.ToTimestamp(),
                folder.Stat.ModifyTime.ToTimestamp());
        return isChanged;
    }

    public bool Visit(in WalkedFile file)
    {
        if (forgetsRecords && file.Stat.IsRegular
            && SourceTree.TryReadRecord(file.Folder.Descriptor, file.Name, out SizeRecord record)
            && given.Contain(record))
        {
            _ = ExtendedAttributes.Remove(file.Folder.Descriptor, file.Name, TriedLevel.AttributeName);
            _ = ExtendedAttributes.Remove(file.Folder.Descriptor, file.Name, SizeRecord.AttributeName);
        }
        return !cancellation.IsCancellationRequested;
    }

    public bool Enters(SourceFolder parent, NativeName name, in Statx stat) =>
        !ConversionWalk.IsOtherSource(parent, name);

    public void Unreadable(byte[] path, Errno error) { }
}
