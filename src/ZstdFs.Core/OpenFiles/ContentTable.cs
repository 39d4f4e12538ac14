using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.OpenFiles;

/// <summary>One open of a file.</summary>
/// <param name="Content">Shared by all who have the file open.</param>
/// <param name="IsWritable">May write.</param>
internal sealed record OpenFile(FileContent Content, bool IsWritable);

/// <summary>The content of each open file, by node id. A version that was replaced in the source lives on for those who have it open.</summary>
internal sealed class ContentTable(ContentServices services)
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

    /// <summary>Opens a handle: on the content that is there, or on the stored file just opened where it is another version.</summary>
    internal OpenFile Open(Node node, FileDescriptor stored, in Statx stat, bool isFresh, bool writable)
    {
        FileContent content;
        bool used = false;
        lock (_gate)
        {
            if (!_contents.TryGetValue(node.Id, out content!) || !content.IsDirty && content.Base.Identity != StoredIdentity.Of(stat))
            {
                content = new FileContent(services, node, new StoredBase(services, stored, stat, isFresh));
                _contents[node.Id] = content;
                used = true;
            }
            content.Handles++;
            if (writable)
                content.WritableHandles++;
        }
        if (!used)
            stored.Dispose();
        return new OpenFile(content, writable);
    }

    /// <summary>Closes a handle. True when it was the last that may write: time to commit.</summary>
    internal bool CloseWriter(OpenFile file)
    {
        if (!file.IsWritable)
            return false;
        lock (_gate)
            return --file.Content.WritableHandles == 0;
    }

    /// <summary>Gives up a handle; the content goes with the last.</summary>
    internal void Close(OpenFile file)
    {
        lock (_gate)
        {
            if (--file.Content.Handles > 0)
                return;
            if (_contents.GetValueOrDefault(file.Content.Node.Id) == file.Content)
                _contents.Remove(file.Content.Node.Id);
        }
        file.Content.Dispose();
    }

    /// <summary>Whether this handle is the only one that may write.</summary>
    internal bool IsOnlyWriter(OpenFile file)
    {
        lock (_gate)
            return file.IsWritable && file.Content.WritableHandles == 1;
    }

    /// <summary>Every open content, for syncs and the end of the mount.</summary>
    internal FileContent[] All()
    {
        lock (_gate)
            return [.. _contents.Values];
    }
}
