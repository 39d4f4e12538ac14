using ZstdFs.Core.Content;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Puts what programs wrote on disk while a caller waits.</summary>
internal sealed class SyncOperations(Volume volume)
{
    /// <summary>
    /// When it returns 0, everything written so far is on disk and in the stored files. Where
    /// <paramref name="openToo"/> is false, the content of files that are open for writing stays in working copies.
    /// After an error it goes on with the other files, and returns the first error.
    /// </summary>
    internal int SynchronizeAll(bool openToo)
    {
        int first = 0;
        volume.NameJournal?.Settle();
        foreach (FileContent content in volume.Contents.HoldUnsettled())
        {
            _ = volume.Contents.TryTakeBack(content, out _);
            int result = openToo || content.Handles.Writable == 0 ? -(int)Errno.EOPNOTSUPP : content.Persist();
            if (result == -(int)Errno.EOPNOTSUPP)
                result = volume.Committer.Commit(content, yields: false);
            // There may be room for a working copy where there was none for the new version.
            if (result < 0 && content.Node.HasName)
                _ = volume.Keeping.Keep(content);
            if (first == 0)
                first = Math.Min(result, 0);
            volume.Release(content);
        }
        volume.Services.State?.RemoveLeftovers();
        int below = volume.Source.Devices.Synchronize(),
            synced = SystemCallsFile.SynchronizeFileSystem(volume.Source.Root);
        if (synced < 0)
            KeepInMemory();
        return first < 0 ? first : Math.Min(synced < 0 ? synced : below, 0);
    }

    /// <summary>
    /// Makes the kernel send what programs stored through mappings. The kernel writes such pages before it drops them,
    /// and the call that makes it drop them returns after the writes. The caller must not be answering a request during
    /// which the kernel holds these pages.
    /// </summary>
    internal void FetchMapped()
    {
        foreach (FileContent content in volume.Contents.HoldMappable())
        {
            volume.Notices.InvalidatePages(content.Node.Id, 0, 0);
            volume.Release(content);
        }
    }

    /// <summary>
    /// Takes the old version back of files whose new content could not be written whole. The mount has ended, and the
    /// kernel may not have reported their last close. They must not be committed.
    /// </summary>
    internal void GiveUpCutShort()
    {
        foreach (FileContent content in volume.Contents.HoldUnsettled())
        {
            if (content.CutShort is < 0 and var reason)
                _ = volume.Keeping.TryRevert(content, reason, isLast: true);
            volume.Release(content);
        }
    }

    /// <summary>
    /// At the end of the mount: gives up what could not be committed and has no place outside of memory. Returns how
    /// many files go on waiting in working copies.
    /// </summary>
    internal int GiveUpUnkept()
    {
        int kept = 0;
        foreach (FileContent content in volume.Contents.HoldUnsettled())
        {
            if (content.Node.HasName && volume.Keeping.Keep(content) is < 0 and var reason)
                _ = volume.Keeping.TryRevert(content, reason, isLast: true);
            if (content.IsUnsettled && content.Node.HasName)
            {
                kept++;
                // The next mount may come after a reboot: then it takes only what is known to be on disk.
                if (content.IsDirty && volume.Committer.Durability.Secure(content) is < 0 and var failed)
                    volume.Services.Log.Error(
                        $"{content.Node.AnyLink?.NativeName.ToString()}: what was written is kept, and may not "
                            + $"survive a power cut ({(Errno)(-failed)})");
            }
            volume.Release(content);
        }
        return kept;
    }

    /// <summary>
    /// Writes again what the disk has just refused, while it is still in memory. The next mount finds it, even if this
    /// one ends now.
    /// </summary>
    private void KeepInMemory()
    {
        foreach (FileContent content in volume.Contents.HoldUnsettled())
        {
            volume.Committer.Durability.KeepWholeIfIdle(content);
            volume.Release(content);
        }
    }
}
