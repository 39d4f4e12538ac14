using ZstdFs.Core.Source;

namespace ZstdFs.Core.Conversion;

/// <summary>What a mount left in the working folder when it died: content that is newer than the stored files.</summary>
internal static class UnfinishedWrites
{
    internal static bool Any(StateFolder state)
    {
        if (DirectoryListing.Read(state.Working, null, out DirectoryListing listing) < 0)
            return true;
        for (int i = 0; i < listing.Count; i++)
        {
            // What a conversion was taking away is the next conversion's to put in order.
            if (!IsLeftover(listing.Name(i).Bytes) && !AsideFiles.IsOne(listing.Name(i).Bytes))
                return true;
        }
        return false;
    }

    /// <summary>A version under construction, of no use once nobody constructs it.</summary>
    internal static bool IsLeftover(ReadOnlySpan<byte> name) =>
        WorkingName.TryParse(name, out WorkingName working) && working.Role is WorkingRole.Version or WorkingRole.UnnamedCopy || name.StartsWith(SwapPublisher.Prefix) || name.SequenceEqual(WorkingFolderProbe.Name.Bytes);
}
