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

    /// <summary>Content of an open file, or null.</summary>
    internal FileContent? Find(ulong nodeId)
    {
        lock (_gate)
            return _contents.GetValueOrDefault(nodeId);
    }

    /// <summary>Keeps the content of an open file open, until <see cref="Close"/>. Null where the file is not open.</summary>
    internal OpenFile? Hold(ulong nodeId)
    {
        lock (_gate)
        {
            if (!_contents.TryGetValue(nodeId, out FileContent? content))
                return null;
            content.Handles++;
            return new OpenFile(content, false);
        }
    }

    /// <summary>One more hold on a content that is open.</summary>
    internal OpenFile Hold(FileContent content)
    {
        lock (_gate)
            content.Handles++;
        return new OpenFile(content, false);
    }

    /// <summary>
    /// A further handle, where the content that is open is that of the version which the name leads to, or is not committed. The caller holds the node's
    /// gate, so that no commit moves the name meanwhile.
    /// </summary>
    internal OpenFile? TryShare(Node node, in Statx stat, bool writable)
    {
        lock (_gate)
        {
            return _contents.TryGetValue(node.Id, out FileContent? content) && (content.IsDirty || content.Published == StoredIdentity.Of(stat))
                ? NewHandle(content, writable)
                : null;
        }
    }

    /// <summary>A further handle on a content that the caller holds.</summary>
    internal OpenFile TryShare(FileContent content, bool writable)
    {
        lock (_gate)
            return NewHandle(content, writable);
    }

    /// <summary>A handle on a version that was just opened, or on the one that another thread opened meanwhile.</summary>
    internal OpenFile Add(FileContent content, bool writable)
    {
        nodes.Pin(content.Node);
        OpenFile file;
        bool isUsed;
        lock (_gate)
        {
            isUsed = !(_contents.TryGetValue(content.Node.Id, out FileContent? other) && (other.IsDirty || other.Published == content.Published));
            if (isUsed)
                _contents[content.Node.Id] = content;
            file = NewHandle(isUsed ? content : other!, writable);
        }
        if (!isUsed)
        {
            nodes.Unpin(content.Node);
            content.Dispose();
        }
        return file;
    }

    private static OpenFile NewHandle(FileContent content, bool writable)
    {
        content.Handles++;
        if (writable)
            content.WritableHandles++;
        return new OpenFile(content, writable);
    }

    /// <summary>Closes a handle for writing. True when it was the last: time to commit.</summary>
    internal bool CloseWriter(OpenFile file)
    {
        if (!file.IsWritable)
            return false;
        lock (_gate)
            return --file.Content.WritableHandles == 0;
    }

    /// <summary>Gives up a handle; the content goes with the last. Returns the node where nothing refers to it any more.</summary>
    internal Node? Close(OpenFile file)
    {
        lock (_gate)
        {
            if (--file.Content.Handles > 0)
                return null;
            if (_contents.GetValueOrDefault(file.Content.Node.Id) == file.Content)
                _contents.Remove(file.Content.Node.Id);
        }
        file.Content.Dispose();
        return nodes.Unpin(file.Content.Node);
    }

    /// <summary>Whether this handle is the only one that may write.</summary>
    internal bool IsOnlyWriter(OpenFile file)
    {
        lock (_gate)
            return file.IsWritable && file.Content.WritableHandles == 1;
    }

    /// <summary>A hold on every open content with something to commit.</summary>
    internal OpenFile[] HoldDirty()
    {
        lock (_gate)
        {
            FileContent[] dirty = [.. _contents.Values.Where(static content => content.IsDirty)];
            foreach (FileContent content in dirty)
                content.Handles++;
            return [.. dirty.Select(static content => new OpenFile(content, false))];
        }
    }
}
