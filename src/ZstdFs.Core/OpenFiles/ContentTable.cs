using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.OpenFiles;

/// <summary>The content of each open file, by node id. A version that was replaced in the source lives on for those who have it open.</summary>
internal sealed class ContentTable(NodeTable nodes)
{
    // Guards the dictionary and every content's handle counts. Closing a content happens outside it.
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, FileContent> _contents = [];

    /// <summary>How the kernel is given working copies to serve by itself; null where it cannot.</summary>
    internal Passthrough? Passthrough { get; set; }

    /// <summary>Content of an open file, or null.</summary>
    internal FileContent? Find(ulong nodeId)
    {
        lock (_gate)
            return _contents.GetValueOrDefault(nodeId);
    }

    /// <summary>Keeps the content of an open file open, until <see cref="Release"/>. Null where the file is not open.</summary>
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
    /// A further handle, where the content that is open is that of the version which the name leads to, or is not committed. The caller holds the node's
    /// gate, so that no commit moves the name meanwhile.
    /// </summary>
    internal OpenFile? TryShare(Node node, in Statx stat, OpenAccess access, bool mayLend)
    {
        lock (_gate)
        {
            return _contents.TryGetValue(node.Id, out FileContent? content) && IsCurrent(content, StoredIdentity.Of(stat))
                ? NewHandle(content, access, mayLend)
                : null;
        }
    }

    /// <summary>A further handle on a content that the caller holds.</summary>
    internal OpenFile TryShare(FileContent content, OpenAccess access)
    {
        lock (_gate)
            return NewHandle(content, access);
    }

    /// <summary>A handle on a version that was just opened, or on the one that another thread opened meanwhile.</summary>
    internal OpenFile Add(FileContent content, OpenAccess access)
    {
        nodes.Pin(content.Node);
        OpenFile file;
        bool isUsed;
        lock (_gate)
        {
            isUsed = !(_contents.TryGetValue(content.Node.Id, out FileContent? other) && IsCurrent(other, content.Published));
            if (isUsed)
            {
                _contents[content.Node.Id] = content;
                other?.NoteOutdated();
            }
            file = NewHandle(isUsed ? content : other!, access);
        }
        if (!isUsed)
        {
            nodes.Unpin(content.Node);
            content.Dispose();
        }
        return file;
    }

    private static bool IsCurrent(FileContent content, in StoredIdentity published) => !content.IsOutdated && (content.IsDirty || content.Published == published);

    private OpenFile NewHandle(FileContent content, OpenAccess access, bool mayLend = false)
    {
        int backingId = Passthrough?.Serve(content, access, mayLend) ?? 0;
        // Whoever wrote through the kernel in an earlier mount may go on doing so.
        bool isDirect = backingId == 0 && (content.IsLent || content.Handles.DirectWriters > 0 || access == OpenAccess.WriteOnly && content.Handles.Cached == 0);
        var file = new OpenFile(content, access, isDirect, backingId);
        content.Handles.Holds++;
        Count(file, 1);
        return file;
    }

    private static void Count(OpenFile file, int change)
    {
        HandleCounts handles = file.Content.Handles;
        handles.Open += change;
        if (file.IsWritable)
            handles.Writable += change;
        if (file.IsReadable)
            handles.Readable += change;
        if (file.BackingId != 0)
            return;
        if (!file.IsDirect)
            handles.Cached += change;
        else if (file.IsWritable)
            handles.DirectWriters += change;
    }

    /// <summary>
    /// Closes a handle, whose hold is still to be released. True when it was the last that may write, or of those that the kernel served by itself the last of all: time to commit.
    /// </summary>
    internal bool Close(OpenFile file)
    {
        lock (_gate)
        {
            Count(file, -1);
            // It may have mapped pages from before a write that is under way past them, and that drops pages again only where somebody can have some.
            if (file.IsReadable && file.Content.Handles.DirectWriters > 0)
                file.Content.Node.NoteStalePages();
            return file.Content.IsLent ? file.Content.Handles.Open == 0 : file.IsWritable && file.Content.Handles.Writable == 0;
        }
    }

    /// <summary>Takes a working copy back that is lent to the kernel. False where somebody has it open there, or has it mapped still.</summary>
    /// <param name="content">What is held.</param>
    /// <param name="isOpen">There will be a last close.</param>
    internal bool TryTakeBack(FileContent content, out bool isOpen)
    {
        isOpen = false;
        if (!content.IsLent)
            return true;
        using ContentLock.Scope alone = content.TakingBack();
        lock (_gate)
        {
            isOpen = content.Handles.Open > 0;
            if (isOpen || !content.Overlay.Lending.TryEnd())
                return false;
            Passthrough?.End(content);
        }
        content.Overlay.Lending.NoteEnded();
        return true;
    }

    /// <summary>Gives up a handle or a hold; the content goes with the last. Returns the node where nothing refers to it any more.</summary>
    internal Node? Release(FileContent content)
    {
        lock (_gate)
        {
            if (--content.Handles.Holds > 0)
                return null;
            if (_contents.GetValueOrDefault(content.Node.Id) == content)
                _contents.Remove(content.Node.Id);
            Passthrough?.End(content);
        }
        content.Dispose();
        return nodes.Unpin(content.Node);
    }

    /// <summary>Whether this handle is the only one that may write.</summary>
    internal bool IsOnlyWriter(OpenFile file)
    {
        lock (_gate)
            return file.IsWritable && file.Content.Handles.Writable == 1;
    }

    /// <summary>A hold on every open content with something to commit.</summary>
    internal FileContent[] HoldDirty()
    {
        lock (_gate)
        {
            FileContent[] dirty = [.. _contents.Values.Where(static content => content.IsDirty)];
            foreach (FileContent content in dirty)
                content.Handles.Holds++;
            return dirty;
        }
    }
}
