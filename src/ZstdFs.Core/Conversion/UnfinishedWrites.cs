using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>Working copies that a mount left when it died: content that is newer than the stored files.</summary>
internal static class UnfinishedWrites
{
    internal static bool Any(StateFolder state)
    {
        if (DirectoryListing.Read(state.Working, out DirectoryListing listing) < 0)
            return true;
        for (int i = 0; i < listing.Count; i++)
        {
            if (ExtendedAttributes.Get(state.Working, listing.Name(i), new NativeName("user.zstdfs.working\0"u8), default) >= 0)
                return true;
        }
        return false;
    }
}
