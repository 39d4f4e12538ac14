using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// What a mount left in the working folder when it died: content that is newer than the stored files.
/// </summary>
internal static class UnfinishedWrites
{
    /// <summary>Whether a mount has left any.</summary>
    internal static bool Any(StateFolder state)
    {
        if (DirectoryListing.Read(state.Working, null, out DirectoryListing listing) < 0)
            return true;
        for (int i = 0; i < listing.Count; i++)
        {
            // The next conversion puts in order what a conversion was taking away.
            if (!IsLeftover(listing.Name(i).Bytes) && !AsideFiles.IsOne(listing.Name(i).Bytes))
                return true;
        }
        return false;
    }

    /// <summary>How many files have content here that is newer than what is stored.</summary>
    /// <param name="working">The working folder.</param>
    /// <param name="hasRedo">A stored file may be half rewritten.</param>
    internal static int CountFiles(FileDescriptor working, out bool hasRedo)
    {
        hasRedo = false;
        _ = DirectoryListing.Read(working, null, out DirectoryListing listing);
        var files = new HashSet<ulong>();
        for (int i = 0; i < listing.Count; i++)
        {
            if (!WorkingName.TryParse(listing.Name(i).Bytes, out WorkingName name)
                || name.Role is not (WorkingRole.Copy or WorkingRole.Redo)
                || !TryReadRecord(working, listing.Name(i), out WorkingCopyRecord record) || record.IsIncomplete)
                continue;
            hasRedo |= name.Role == WorkingRole.Redo;
            files.Add(record.InodeNumber);
        }
        return files.Count;
    }

    /// <summary>False where no readable record says what the working file is to become.</summary>
    internal static bool TryReadRecord(FileDescriptor working, NativeName name, out WorkingCopyRecord record)
    {
        record = default;
        Span<byte> bytes = stackalloc byte[WorkingCopyRecord.Bytes];
        int length = ExtendedAttributes.Get(working, name, WorkingCopyRecord.AttributeName, bytes);
        return length > 0 && WorkingCopyRecord.TryRead(bytes[..length], out record);
    }

    /// <summary>A file under construction, of no use without the process that was making it.</summary>
    internal static bool IsLeftover(ReadOnlySpan<byte> name) =>
        WorkingName.TryParse(name, out WorkingName working)
            && working.Role is WorkingRole.Version or WorkingRole.UnnamedCopy
        || name.StartsWith(SwapPublisher.Prefix)
        || name.SequenceEqual(WorkingFolderProbe.Name.Bytes);
}
