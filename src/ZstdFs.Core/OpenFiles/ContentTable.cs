using System.Runtime.InteropServices;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.OpenFiles;

/// <summary>
/// The content of each open file, by node id. A version that was replaced in the source lives on for the programs that
/// have it open.
/// </summary>
internal sealed class ContentTable(NodeTable nodes)
{
    // Guards the dictionary, and every change of a content's handle counts. Some code reads a count without it, as a
    // hint. A content is closed outside it. An ioctl that closes a backing file, and a look at a lease, happen under
    // it.
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, FileContent> _contents = [];

    // Open handles on replaced versions, by node id. The kernel has one way to a file, whichever version a handle is
    // on.
    private readonly Dictionary<ulong, int> _earlierHandles = [];

    /// <summary>Lends working copies to the kernel, which serves them by itself; null where it cannot.</summary>
    internal Passthrough? Passthrough { get; set; }

    /// <summary>
    /// A program can map shared a file that is open past the page cache. Where it cannot (before Linux 6.6), no handle
    /// is direct: mmap(2) would fail with ENODEV, also for a program that opens the file to read meanwhile.
    /// </summary>
    internal bool MapsDirectFiles { get; set; }

    /// <summary>Content of an open file, or null.</summary>
    internal FileContent? Find(ulong nodeId)
    {
        lock (_gate)
            return _contents.GetValueOrDefault(nodeId);
    }

    /// <summary>
    /// Keeps the content of an open file open, until <see cref="Release"/>. Null where the file is not open.
    /// </summary>
    internal FileContent? Hold(ulong nodeId)
    {
        lock (_gate)
        {
            if (!_contents.TryGetValue(nodeId, out FileContent? content))
                return null;
            content.Handles.Holds++;
            return content;
        }
    }

    /// <summary>One more hold on a content that is open.</summary>
    internal void Hold(FileContent content)
    {
        lock (_gate)
            content.Handles.Holds++;
    }

    /// <summary>
    /// Makes a further handle, where the open content is the version that the name leads to, or is not committed. The
    /// caller holds the node's gate, so that no commit moves the name meanwhile.
    /// </summary>
    internal OpenContent? TryShare(Node node, in Statx stat, OpenAccess access)
    {
        lock (_gate)
        {
            return _contents.TryGetValue(node.Id, out FileContent? content)
                && IsCurrent(content, StoredIdentity.Of(stat))
                    ? NewHandle(content, access)
                    : null;
        }
    }

    /// <summary>Makes a further handle on a content that the caller holds.</summary>
    internal OpenContent Share(FileContent content, OpenAccess access)
    {
        lock (_gate)
            return NewHandle(content, access);
    }

    /// <summary>
    /// Makes a handle on a version that was just opened, or on the one that another thread opened meanwhile.
    /// </summary>
    internal OpenContent Add(FileContent content, OpenAccess access)
    {
        // Its commit would write frames into a file that is shown as it is.
        if (content.Node.Kind != NodeKind.Stored)
        {
            content.Dispose();
            throw new InvalidOperationException("Only a stored file has a content to open.");
        }
        nodes.Pin(content.Node);
        OpenContent open;
        bool isUsed;
        lock (_gate)
        {
            isUsed = !(_contents.TryGetValue(content.Node.Id, out FileContent? other)
                && IsCurrent(other, content.Published.Identity));
            if (isUsed)
            {
                _contents[content.Node.Id] = content;
                other?.NoteOutdated();
                NoteReplaced(other);
            }
            open = NewHandle(isUsed ? content : other!, access);
        }
        if (!isUsed)
        {
            nodes.Unpin(content.Node);
            content.Dispose();
        }
        return open;
    }

    private static bool IsCurrent(FileContent content, in StoredIdentity published) =>
        !content.IsOutdated && (content.IsDirty || content.Published.Identity == published);

    /// <summary>
    /// Called before a file is opened by its name. Where all of its content is in a working copy, and no program has it
    /// open, the kernel may serve it by itself. The caller holds the node's gate, so that no other open by a name comes
    /// in between. Returns a content that is held until <see cref="Release"/>, or null.
    /// </summary>
    /// <param name="node">The file.</param>
    /// <param name="stat">The version that its name leads to.</param>
    /// <param name="access">What it is opened for.</param>
    /// <param name="mayBegin">It may be lent anew for this open.</param>
    internal FileContent? Lend(Node node, in Statx stat, OpenAccess access, bool mayBegin)
    {
        if (Passthrough is not { } passthrough)
            return null;
        FileContent? content;
        int present;
        lock (_gate)
        {
            if (!_contents.TryGetValue(node.Id, out content) || !IsCurrent(content, StoredIdentity.Of(stat))
                || !mayBegin && !content.IsLent
                || content.Handles.Open > 0 || _earlierHandles.ContainsKey(node.Id))
                return null;
            content.Handles.Holds++;
            present = content.Handles.BackingId;
        }
        int id = passthrough.Lend(content, present, mayBegin, toWrite: access != OpenAccess.Read);
        lock (_gate)
        {
            // The queue may have taken it back meanwhile.
            if (content is { IsLent: true, Handles.Open: 0 })
                (content.Handles.BackingId, id) = (id, 0);
        }
        // The thread that took it back has closed the number from before.
        if (id != present)
            passthrough.Close(id);
        return content;
    }

    /// <summary>The kernel would serve a further open of the file by itself, and would not report its writes.</summary>
    internal bool IsLentOn(Node node)
    {
        lock (_gate)
            return _contents.TryGetValue(node.Id, out FileContent? content) && content.Handles.BackingId != 0;
    }

    /// <summary>
    /// A program has a version open that the kernel serves by itself. The kernel has no other way to the file until
    /// that is closed.
    /// </summary>
    internal bool IsServedByKernel(Node node)
    {
        lock (_gate)
            return _contents.TryGetValue(node.Id, out FileContent? content)
                && content.Handles is { BackingId: not 0, Open: > 0 };
    }

    private OpenContent NewHandle(FileContent content, OpenAccess access)
    {
        int backingId = content.Handles.BackingId;
        if (content.IsLent && access != OpenAccess.Read)
            content.Lending.NoteWriter();
        // A program that wrote through the kernel in an earlier mount may go on doing so.
        bool isDirect = MapsDirectFiles && backingId == 0
            && (content.IsLent || content.Handles.DirectWriters > 0
                || access == OpenAccess.WriteOnly && content.Handles.Cached == 0);
        var open = new OpenContent(content, access, isDirect, backingId);
        content.Handles.Holds++;
        Count(open, 1);
        return open;
    }

    private void NoteReplaced(FileContent? earlier)
    {
        if (earlier is null)
            return;
        earlier.Handles.AreOfAnEarlierVersion = true;
        if (earlier.Handles.Open > 0)
            CountEarlier(earlier.Node.Id, earlier.Handles.Open);
    }

    private void CountEarlier(ulong nodeId, int change)
    {
        ref int count = ref CollectionsMarshal.GetValueRefOrAddDefault(_earlierHandles, nodeId, out _);
        count += change;
        if (count == 0)
            _earlierHandles.Remove(nodeId);
    }

    private void Count(OpenContent open, int change)
    {
        HandleCounts handles = open.Content.Handles;
        handles.Open += change;
        if (handles.AreOfAnEarlierVersion)
            CountEarlier(open.Content.Node.Id, change);
        if (open.IsWritable)
            handles.Writable += change;
        if (open.IsReadable)
            handles.Readable += change;
        if (open.BackingId != 0)
            return;
        if (open is { IsReadable: true, IsWritable: true })
            handles.Mappable += change;
        if (!open.IsDirect)
            handles.Cached += change;
        else if (open.IsWritable)
            handles.DirectWriters += change;
    }

    /// <summary>
    /// Closes a handle. The caller still has its hold to release. True when it is time to commit: after the last handle
    /// that may write, or, while the kernel serves the file by itself, after the last of all.
    /// </summary>
    internal bool Close(OpenContent open)
    {
        lock (_gate)
        {
            Count(open, -1);
            // The handle may have mapped old pages while a direct write is under way. That write drops pages only where
            // a handle that may read is open.
            if (open.IsReadable && open.Content.Handles.DirectWriters > 0)
                open.Content.Node.NoteStalePages();
            return open.Content.IsLent
                ? open.Content.Handles.Open == 0
                : open.IsWritable && open.Content.Handles.Writable == 0;
        }
    }

    private void StopServing(FileContent content)
    {
        Passthrough?.Close(content.Handles.BackingId);
        content.Handles.BackingId = 0;
    }

    /// <summary>
    /// Takes a working copy back that is lent to the kernel. False while a program has it open there, or has it mapped.
    /// </summary>
    /// <param name="content">A content that the caller holds.</param>
    /// <param name="isOpen">A program has it open: there will be a last close.</param>
    internal bool TryTakeBack(FileContent content, out bool isOpen)
    {
        isOpen = false;
        if (!content.IsLent)
            return true;
        // Readers, writers and commits wait.
        using ContentLock.Scope alone = content.Lock.Writing();
        // Another thread took it back, and may have committed it since.
        if (!content.IsLent)
            return true;
        lock (_gate)
        {
            isOpen = content.Handles.Open > 0;
            if (isOpen || !content.Lending.TryEnd())
                return false;
            StopServing(content);
        }
        content.Lending.NoteEnded();
        return true;
    }

    /// <summary>
    /// The same for a caller that cannot go on while it is lent. close(2) returns before the kernel lets go of the
    /// file, so an open right after it waits a moment here before it is refused.
    /// </summary>
    /// <param name="content">A content that the caller holds.</param>
    /// <param name="alsoReaders">Waits also where no program may write to it.</param>
    internal void TakeBackSoon(FileContent content, bool alsoReaders)
    {
        const int Looks = 50, PauseMs = 2;
        for (int look = 0; look < Looks && !TryTakeBack(content, out _)
            && (alsoReaders || content.Lending.MayBeWritten); look++)
            Thread.Sleep(PauseMs);
    }

    /// <summary>
    /// Gives up a handle or a hold; the last one closes the content. Returns the node where nothing refers to it any
    /// more.
    /// </summary>
    internal Node? Release(FileContent content)
    {
        lock (_gate)
        {
            if (--content.Handles.Holds > 0)
                return null;
            if (_contents.GetValueOrDefault(content.Node.Id) == content)
                _contents.Remove(content.Node.Id);
            StopServing(content);
        }
        content.Dispose();
        return nodes.Unpin(content.Node);
    }

    /// <summary>Whether this handle is the only one that may write.</summary>
    internal bool IsOnlyWriter(OpenContent open)
    {
        lock (_gate)
            return open.IsWritable && open.Content.Handles.Writable == 1;
    }

    /// <summary>A hold on every open content with something to commit, or the rest of a commit to do.</summary>
    internal FileContent[] HoldUnsettled() => HoldAll(static content => content.IsUnsettled);

    /// <summary>
    /// A hold on every open content that a program may write to through a mapping of the kernel's pages.
    /// </summary>
    internal FileContent[] HoldMappable() => HoldAll(static content => content.Handles.Mappable > 0);

    private FileContent[] HoldAll(Func<FileContent, bool> isMeant)
    {
        lock (_gate)
        {
            FileContent[] held = [.. _contents.Values.Where(isMeant)];
            foreach (FileContent content in held)
                content.Handles.Holds++;
            return held;
        }
    }
}
