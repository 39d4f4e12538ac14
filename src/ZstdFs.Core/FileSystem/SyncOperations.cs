using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>How what was written gets to the disk when somebody waits for it: one file's, or everybody's.</summary>
internal sealed class SyncOperations(Volume volume)
{
    /// <summary>fsync(2): content, size and name are on disk when it returns 0.</summary>
    internal int Synchronize(OpenFile file)
    {
        FileContent content = file.Content;
        int result = 0;
        if (content.IsDirty)
        {
            // The first content of a small file costs no more in its place than in a working copy.
            result = content.Overlay.IsBuffered && content.Base.IsFresh ? content.Keeping.CommitOrKeep(volume.Committer) : content.Persist();
            if (result == -(int)Errno.EOPNOTSUPP)
                result = content.Commit(volume.Committer, yields: false);
        }
        if (result >= 0)
            result = content.OnDisk.Synchronize();
        if (result >= 0)
            result = content.Outcome.TakeUntoldError();
        // A commit gives the name to another stored file.
        ulong stored = content.Published.InodeNumber;
        if (result < 0 || content.Node.AnyLink is not { } link || file.DurableName == (link, stored))
            return result;
        result = SynchronizeFolder(link.Parent);
        if (result >= 0)
            file.DurableName = (link, stored);
        return result;
    }

    private int SynchronizeFolder(Node folder)
    {
        int result = volume.Directories.Rent(folder, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
            return volume.Source.SynchronizeFolder(lease.Descriptor);
    }

    /// <summary>
    /// Everything written so far is on disk when it returns 0, and in its stored file; where <paramref name="openToo"/> is false, what is open for writing stays in
    /// working copies. The first error is returned, the rest is tried all the same.
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
                result = content.Commit(volume.Committer, yields: false);
            // What it was to become has no room; where it would be found again it may have some.
            if (result < 0 && content.Node.HasName)
                _ = content.Keeping.Keep();
            if (first == 0)
                first = Math.Min(result, 0);
            volume.Release(content);
        }
        volume.Services.State?.RemoveLeftovers();
        int below = volume.Source.Devices.Synchronize(), synced = SystemCallsFile.SynchronizeFileSystem(volume.Source.Root);
        if (synced < 0)
            KeepInMemory();
        return first < 0 ? first : Math.Min(synced < 0 ? synced : below, 0);
    }

    /// <summary>
    /// Has the kernel send what programs stored through mappings. It writes such pages before it drops them, and the call
    /// that makes it drop them returns when they are written. The caller answers no request for which the kernel holds them.
    /// </summary>
    internal void FetchMapped()
    {
        foreach (FileContent content in volume.Contents.HoldMappable())
        {
            volume.InvalidatePages(content.Node.Id, 0, 0);
            volume.Release(content);
        }
    }

    /// <summary>The mount has ended, and of some last closes the kernel may not have told: what could not be written whole is not to be committed now.</summary>
    internal void GiveUpCutShort()
    {
        foreach (FileContent content in volume.Contents.HoldUnsettled())
        {
            if (content.CutShort is < 0 and var reason)
                _ = content.Keeping.TryRevert(reason, isLast: true);
            volume.Release(content);
        }
    }

    /// <summary>What could not be committed at the end of the mount, and finds no place outside of memory, is given up. Returns how many files go on waiting, in working copies.</summary>
    internal int GiveUpUnkept()
    {
        int kept = 0;
        foreach (FileContent content in volume.Contents.HoldUnsettled())
        {
            if (content.Node.HasName && content.Keeping.Keep() is < 0 and var reason)
                _ = content.Keeping.TryRevert(reason, isLast: true);
            if (content.IsUnsettled && content.Node.HasName)
            {
                kept++;
                // The next mount may come after a reboot, and takes then only what is known to be on the disk.
                if (content.IsDirty && content.OnDisk.Secure() is < 0 and var failed)
                    volume.Services.Log.Error($"{content.Node.AnyLink?.NativeName.ToString()}: what was written is kept, and may not survive a power cut ({(Errno)(-failed)})");
            }
            volume.Release(content);
        }
        return kept;
    }

    /// <summary>What the disk just refused is in memory still: it is on its way again, so that the next mount finds it should this one end now.</summary>
    private void KeepInMemory()
    {
        foreach (FileContent content in volume.Contents.HoldUnsettled())
        {
            content.OnDisk.KeepWholeIfIdle();
            volume.Release(content);
        }
    }
}
