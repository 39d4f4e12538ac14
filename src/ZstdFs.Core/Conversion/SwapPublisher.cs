using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Makes results, gives them their names, and takes the old names away. The pipeline keeps these steps in order.
/// </summary>
internal sealed class SwapPublisher(SourceTree source, StateFolder state)
{
    /// <summary>How the working names of results begin, which they have until they get their own.</summary>
    internal static ReadOnlySpan<byte> Prefix => "convert-"u8;

    private long _lastNumber;
    private int _unfinished;

    /// <summary>
    /// 0, or −errno of the step that failed and left a file with names of both forms. Only the journal tells that
    /// from a conflict. So the journal must stay, and no other batch may begin, until the next run has read it.
    /// </summary>
    internal int Unfinished => Volatile.Read(ref _unfinished);

    /// <summary>Removes results that an interrupted run had not given their names yet.</summary>
    internal void RemoveLeftovers()
    {
        if (DirectoryListing.Read(state.Working, null, out DirectoryListing listing) < 0)
            return;
        for (int i = 0; i < listing.Count; i++)
        {
            if (listing.Name(i).Bytes.StartsWith(Prefix))
                state.RemoveWorkingFile(listing.Name(i).Terminated);
        }
    }

    /// <summary>
    /// Makes an empty result without a name, beside the original, so that a crash leaves nothing. Where the file system
    /// has no files without names, the result gets a working name.
    /// </summary>
    internal int Create(SwapJob job)
    {
        int result = source.CreateUnnamedFile(job.Names[0].Folder.Descriptor, 0b110_000_000, out FileDescriptor file);
        if (result is -(int)Errno.EOPNOTSUPP or -(int)Errno.EISDIR or -(int)Errno.EINVAL)
        {
            job.WorkingName = NextName();
            result = source.CreateFile(state.Working, new NativeName(job.WorkingName), 0b110_000_000, out file);
        }
        job.Result = result >= 0 ? file : null;
        return result;
    }

    /// <summary>Gives the result all its names. Where one is taken, those given before are taken back.</summary>
    internal void Publish(SwapJob job)
    {
        // The record's window covers the time that giving a name takes. Where that took longer, the record is written
        // again.
        long windowEnd = long.MaxValue;
        if (job.Record is { } record)
            _ = SourceTree.WriteRecord(job.Result!, record, out windowEnd);
        foreach (SwapName name in job.Names)
        {
            int result = job.ReplacesTarget ? Replace(job, name) : Link(job, name);
            if (result < 0)
            {
                Withdraw(job);
                throw FileLeftException.Of(result, "giving it its name");
            }
            job.Published++;
        }
        RemoveWorkingName(job);
        if (job.Record is { } again && ChangeWindow.IsOver(windowEnd))
            _ = SourceTree.WriteRecord(job.Result!, again);
    }

    /// <summary>Takes the new names away again, unless another program has put another file there.</summary>
    internal void Withdraw(SwapJob job)
    {
        foreach (SwapName name in job.Names.AsSpan(0, job.Published))
            Withdraw(job, name);
        job.Published = 0;
        RemoveWorkingName(job);
    }

    private void Withdraw(SwapJob job, SwapName name)
    {
        int result = SystemCallsAt.Stat(name.Folder.Descriptor, name.TargetName, out Statx stat);
        if (result >= 0 && stat.InodeNumber == job.ResultInode)
            result = SystemCallsAt.Unlink(name.Folder.Descriptor, name.TargetName);
        if (result is < 0 and not -(int)Errno.ENOENT)
            Volatile.Write(ref _unfinished, result);
    }

    /// <summary>
    /// Takes the old names away. Where not even the first one goes (an append-only folder), the new names go again.
    /// Where another file has an old name by now, it keeps that name.
    /// </summary>
    internal void Retire(SwapJob job)
    {
        bool isChanged = false;
        for (int i = 0; i < job.Names.Length; i++)
        {
            SwapName name = job.Names[i];
            int result = AsideFiles.Remove(
                state, name.Folder.Descriptor, name.OriginalName, job.Stat, job.IsLeased ? job.Original : null, i,
                out bool isAside);
            if (result >= 0)
                continue;
            // The journal stays, and tells the next run.
            if (isAside)
            {
                Volatile.Write(ref _unfinished, result);
                throw FileLeftException.Of(result, "removing the old form");
            }
            // The older content must not take the newer one's place, and a name that was removed must not come back.
            if (result is -(int)Errno.ESTALE or -(int)Errno.ETXTBSY or -(int)Errno.ENOENT && i > 0 && !job.KeepsTarget)
            {
                Withdraw(job, name);
                isChanged = true;
                continue;
            }
            if (i == 0)
                Withdraw(job);
            else if (result is not (-(int)Errno.EPERM or -(int)Errno.EACCES))
                Volatile.Write(ref _unfinished, result);
            throw FileLeftException.Of(result, "removing the old form");
        }
        if (isChanged)
            throw new FileLeftException(LeftReason.Changed, "another file has one of its names");
    }

    /// <summary>Removes the name that the new file had while it was made.</summary>
    internal void RemoveWorkingName(SwapJob job)
    {
        if (job.WorkingName is { } name)
            state.RemoveWorkingFile(name);
        job.WorkingName = null;
    }

    private int Link(SwapJob job, SwapName name) => job.WorkingName is { } working
        ? SystemCallsAt.Link(state.Working, new NativeName(working), name.Folder.Descriptor, name.TargetName)
        : SystemCallsAt.Link(job.Result!, name.Folder.Descriptor, name.TargetName);

    private int Replace(SwapJob job, SwapName name)
    {
        byte[] between = NextName();
        int result = job.WorkingName is { } working
            ? SystemCallsAt.Link(state.Working, new NativeName(working), state.Working, new NativeName(between))
            : SystemCallsAt.Link(job.Result!, state.Working, new NativeName(between));
        if (result < 0)
            return result;
        result = SystemCallsAt.Rename(
            state.Working, new NativeName(between), name.Folder.Descriptor, name.TargetName, 0);
        if (result < 0)
            state.RemoveWorkingFile(between);
        return result;
    }

    private byte[] NextName() =>
        [.. Prefix, .. Encoding.ASCII.GetBytes($"{Interlocked.Increment(ref _lastNumber):x}\0")];
}
