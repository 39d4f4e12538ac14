using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>
/// Working copies after the machine stopped. Of a copy that was not synchronised, the disk may hold only parts. Those
/// parts over their base would be a content that no program ever wrote: so the base stays as it was committed, and the
/// copy goes.
/// </summary>
internal static class WorkingRemains
{
    /// <summary>
    /// Removes the working copies that the interrupted mount did not synchronise. The caller writes the new mount into
    /// the state only afterwards: where the daemon is killed here, the next mount finds the same. Returns how many, or
    /// −errno.
    /// </summary>
    internal static int RemoveUnsynchronized(FileDescriptor working, uint epoch)
    {
        int result = DirectoryListing.Read(working, null, out DirectoryListing listing);
        if (result < 0)
            return result;
        int removed = 0;
        for (int i = 0; i < listing.Count; i++)
        {
            if (!IsUnsynchronized(listing.Name(i).Bytes, out WorkingName name) || name.Epoch != epoch)
                continue;
            result = SystemCallsAt.Unlink(working, listing.Name(i));
            if (result < 0)
                return result;
            removed++;
        }
        result = removed > 0 ? SystemCallsFile.Synchronize(working) : 0;
        return result < 0 ? result : removed;
    }

    /// <summary>
    /// Moves all working copies that are not known to be whole to <c>lost</c>. The state that would tell whether the
    /// machine has stopped since is gone, and a copy may be all that is left of what was written. Returns how many, or
    /// −errno.
    /// </summary>
    internal static int SetAside(StateFolder state)
    {
        int result = DirectoryListing.Read(state.Working, null, out DirectoryListing listing);
        if (result < 0)
            return result;
        List<WorkingName> copies = [];
        for (int i = 0; i < listing.Count; i++)
        {
            if (IsUnsynchronized(listing.Name(i).Bytes, out WorkingName name))
                copies.Add(name);
        }
        if (copies.Count == 0)
            return 0;
        result = state.OpenLost(out FileDescriptor lost);
        if (result < 0)
            return result;
        using (lost)
        {
            foreach (WorkingName copy in copies)
            {
                result = MoveAsItIs(state.Working, copy, lost);
                if (result < 0)
                    return result;
            }
            result = SystemCallsFile.Synchronize(lost);
        }
        if (result >= 0)
            result = SystemCallsFile.Synchronize(state.Working);
        if (result >= 0)
            result = SystemCallsFile.Synchronize(state.Folder);
        return result < 0 ? result : copies.Count;
    }

    /// <summary>Moves a working copy, and its early frames beside it. Returns 0 or −errno.</summary>
    internal static int MoveAsItIs(FileDescriptor working, WorkingName copy, FileDescriptor lost)
    {
        // Early frames first: without their copy they count as orphans, and are removed.
        int result = Move(working, copy.OfEarlyFrames(), lost);
        return result is >= 0 or -(int)Errno.ENOENT ? Move(working, copy, lost) : result;
    }

    /// <summary>Moves a working copy to <c>lost</c>. 0 or −errno.</summary>
    internal static int Move(FileDescriptor working, WorkingName name, FileDescriptor lost)
    {
        byte[] terminated = name.Terminated();
        var native = new NativeName(terminated);
        return SystemCallsAt.Rename(working, native, lost, native, 0);
    }

    /// <summary>A power cut may have left any part of the working copy with this name.</summary>
    internal static bool IsUnsynchronized(ReadOnlySpan<byte> bytes) => IsUnsynchronized(bytes, out _);

    private static bool IsUnsynchronized(ReadOnlySpan<byte> bytes, out WorkingName name) =>
        WorkingName.TryParse(bytes, out name) && name is { IsSynchronized: false, Role: WorkingRole.Copy };

    /// <summary>
    /// Finds the newest mount that a name in the folder tells of; 0 where none does. Returns 0 or −errno.
    /// </summary>
    internal static int FindNewestEpoch(FileDescriptor folder, out uint newest)
    {
        // No source is mounted so often: such a name is noise. The next number must not wrap to 0.
        const uint Most = int.MaxValue;
        newest = 0;
        int result = DirectoryListing.Read(folder, null, out DirectoryListing listing);
        for (int i = 0; result >= 0 && i < listing.Count; i++)
        {
            if (WorkingName.TryParse(listing.Name(i).Bytes, out WorkingName name) && name.Epoch <= Most)
                newest = Math.Max(newest, name.Epoch);
        }
        return result;
    }
}
