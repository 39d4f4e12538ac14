using ZstdFs.Core.Commits;
using ZstdFs.Core.Content;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Closes files: what was written survives this process, and is committed now or later.</summary>
internal sealed class CloseOperations(Volume volume, HandleTable<OpenHandle> handles)
{
    /// <summary>
    /// close(2): what was written survives this process when it returns. A cheap commit is done here; the rest is left
    /// to the queue. The last close commits where other handles still write, or where copies of this descriptor are
    /// still to be closed.
    /// </summary>
    internal int Flush(ulong handle)
    {
        if (handles.Find(handle) is not OpenFile { IsWritable: true } file || !file.Content.IsDirty)
            return 0;
        FileContent content = file.Content;
        bool isLast = !file.WasFlushed && volume.Contents.IsOnlyWriter(file);
        file.WasFlushed = true;
        // The last close takes the old version back.
        if (content.CutShort is < 0 and var refusal)
            return refusal;
        if (isLast && (volume.Committer.Pace.IsCheap(content)
            || volume.Queue.BacklogBytes > volume.Services.Options.BacklogBytes && !content.IsLent))
            return volume.Keeping.CommitOrKeep(content);
        int result = content.Persist();
        if (result == -(int)Errno.EOPNOTSUPP)
            return volume.Committer.Commit(content, yields: false);
        return result < 0 ? result : content.Outcome.TakeUntoldError();
    }

    /// <summary>The last copy of the descriptor is closed.</summary>
    internal void Release(ulong handle)
    {
        if (handles.Remove(handle) is { } removed)
            Close(removed);
    }

    /// <summary>Closes a file that has no number, or none any more.</summary>
    internal void Close(OpenHandle handle)
    {
        volume.Shares.GiveBack(handle.Share);
        if (handle is OpenPlainFile plain)
        {
            plain.File.Dispose();
            lock (plain.Node.LinksGate)
                plain.Node.PlainHandles--;
            volume.Conversion?.Consider(plain.Node);
            return;
        }
        var file = (OpenFile)handle;
        if (volume.Contents.Close(file) && file.Content.IsUnsettled)
        {
            bool hasName;
            // The gate keeps this out of a removal, in whose middle the file may have names that are not known here.
            lock (file.Content.Node.LinksGate)
                hasName = file.Content.Node.HasName;
            if (hasName)
                CommitLater(file.Content);
            else if (CommitQueue.IsAwaited(file.Content) || file.Content.IsLent)
                volume.Queue.Add(file.Content, atOnce: false);
        }
        volume.Release(file.Content);
    }

    private void CommitLater(FileContent content)
    {
        if (volume.Keeping.Keep(content) is < 0 and var reason)
            volume.Revert(content, reason);
        else
            volume.Queue.Add(content, atOnce: false);
    }
}
