using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>Makes results, gives them their names, and takes the old names away: the steps of which the pipeline keeps the order.</summary>
internal sealed class SwapPublisher(SourceTree source, StateFolder state)
{
    /// <summary>How the names of results begin that have not got their own yet.</summary>
    internal static ReadOnlySpan<byte> Prefix => "convert-"u8;

    private long _lastNumber;

    /// <summary>Removes results that an interrupted run had not given their names yet.</summary>
    internal void RemoveLeftovers()
    {
        if (DirectoryListing.Read(state.Working, out DirectoryListing listing) < 0)
            return;
        for (int i = 0; i < listing.Count; i++)
        {
            if (listing.Name(i).Bytes.StartsWith(Prefix))
                _ = SystemCallsAt.Unlink(state.Working, listing.Name(i));
        }
    }

    /// <summary>An empty result: without a name, beside the original, so that a crash leaves nothing; with one where the file system has no such files.</summary>
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
    }

    /// <summary>Takes the new names away again, unless somebody has put something else there.</summary>
    internal void Withdraw(SwapJob job)
    {
        foreach (SwapName name in job.Names.AsSpan(0, job.Published))
        {
            if (SystemCallsAt.Stat(name.Folder.Descriptor, name.TargetName, out Statx stat) >= 0 && stat.InodeNumber == job.ResultInode)
                _ = SystemCallsAt.Unlink(name.Folder.Descriptor, name.TargetName);
        }
        job.Published = 0;
        RemoveWorkingName(job);
    }

    /// <summary>Takes the old names away. Where not even the first one goes (an append-only folder), the new names go again.</summary>
    internal void Retire(SwapJob job)
    {
        for (int i = 0; i < job.Names.Length; i++)
        {
            int result = SystemCallsAt.Unlink(job.Names[i].Folder.Descriptor, job.Names[i].OriginalName);
            if (result >= 0)
                continue;
            if (i == 0)
                Withdraw(job);
            throw FileLeftException.Of(result, "removing the old form");
        }
    }

    internal void RemoveWorkingName(SwapJob job)
    {
        if (job.WorkingName is { } name)
            _ = SystemCallsAt.Unlink(state.Working, new NativeName(name));
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
        result = SystemCallsAt.Rename(state.Working, new NativeName(between), name.Folder.Descriptor, name.TargetName, 0);
        if (result < 0)
            _ = SystemCallsAt.Unlink(state.Working, new NativeName(between));
        return result;
    }

    private byte[] NextName() => [.. Prefix, .. Encoding.ASCII.GetBytes($"{Interlocked.Increment(ref _lastNumber):x}\0")];
}
