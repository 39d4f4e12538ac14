using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Working copies after the machine stopped. What was not synchronised is there in parts, if at all, and the parts over their base would be a mixture that
/// nobody ever wrote: the base stays instead, as it was committed.
/// </summary>
internal static class WorkingRemains
{
    /// <summary>
    /// Removes the working copies that the interrupted mount did not synchronise. It is done before the state says that a new mount began, so that a mount which
    /// is killed here leaves the same for the next. Returns how many, or −errno.
    /// </summary>
    internal static int RemoveUnsynchronized(FileDescriptor working, uint epoch)
    {
        int result = DirectoryListing.Read(working, null, out DirectoryListing listing);
        if (result < 0)
            return result;
        int removed = 0;
        for (int i = 0; i < listing.Count; i++)
        {
            if (!WorkingName.TryParse(listing.Name(i).Bytes, out WorkingName name) || name.Epoch != epoch || name.IsSynchronized || name.Role != WorkingRole.Copy)
                continue;
            result = SystemCallsAt.Unlink(working, listing.Name(i));
            if (result < 0)
                return result;
            removed++;
        }
        result = removed > 0 ? SystemCallsFile.Synchronize(working) : 0;
        return result < 0 ? result : removed;
    }
}
