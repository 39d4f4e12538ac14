using ZstdFs.Core.Inodes;
using ZstdFs.Core.StoredFiles;

namespace ZstdFs.Core.Content;

/// <summary>Keeps the stored file of an open content open for a caller that holds no lock.</summary>
internal static class ContentLeases
{
    /// <summary>
    /// The stored file that the name leads to, as an open file. False where a commit is just replacing it, or another
    /// program has replaced it in the source: then the caller must go by the name.
    /// </summary>
    internal static bool TryRentStored(this FileContent content, bool hasName, out DescriptorLease lease)
    {
        StoredBase current = content.Base;
        if (!current.TryRent(out lease))
            return false;
        if (!hasName || current.Identity.InodeNumber == content.Published.InodeNumber && current.TryStat(out _))
            return true;
        lease.Dispose();
        return false;
    }

    /// <summary>
    /// The committed version as an open file, for a caller that does not hold the content's lock: a commit that ends
    /// meanwhile closes the version before it. False where the last handle is closed already.
    /// </summary>
    internal static bool TryRentBase(this FileContent content, out DescriptorLease lease)
    {
        StoredBase current;
        do
        {
            current = content.Base;
            if (current.TryRent(out lease))
                return true;
        }
        while (current != content.Base);
        return false;
    }
}
