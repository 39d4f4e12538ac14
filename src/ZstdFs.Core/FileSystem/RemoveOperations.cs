using ZstdFs.Core.Attributes;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>unlink(2) and rmdir(2).</summary>
internal sealed class RemoveOperations(Volume volume)
{
    private readonly NameChanges _changes = volume.NameChanges;

    internal int Remove(ulong parentId, NativeName name, bool folder)
    {
        int result = _changes.Prepare(parentId, name, out Node parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            result = NameChanges.Converted;
            for (int attempt = 0; attempt < NameChanges.Attempts && result == NameChanges.Converted; attempt++)
                result = Remove(parent, lease.Descriptor, name, folder);
        }
        return result == NameChanges.Converted ? -(int)Errno.ESTALE : result;
    }

    private int Remove(Node parent, FileDescriptor directory, NativeName name, bool folder)
    {
        int result = volume.Resolver.Resolve(directory, parent == volume.Nodes.Root, name.Bytes, out Resolved resolved);
        if (result < 0)
            return result;
        if (folder != (resolved.Kind == NodeKind.Directory))
            return -(int)(folder ? Errno.ENOTDIR : Errno.EISDIR);
        Node? node = volume.Nodes.Find(resolved.Id);
        if (node is null)
        {
            lock (volume.FolderGates[parent])
                result = NameChanges.RemoveNative(directory, name, resolved.Kind);
            if (result >= 0)
            {
                ForgetNumber(resolved);
                volume.Nodes.NoteTakenName();
                // A lookup that still saw the name may have made the node meanwhile.
                if (volume.Nodes.Find(resolved.Id) is { } late)
                {
                    lock (late.LinksGate)
                    {
                        volume.Nodes.RemoveLink(late, parent, name.Bytes);
                        NameChanges.NoteOtherNames(late, resolved.Stat.LinkCount);
                    }
                }
            }
            return result;
        }
        // Under the gate, so that a commit finds the name whole or gone when it publishes.
        lock (node.LinksGate)
        {
            if (NameChanges.IsConverted(node, resolved))
                return NameChanges.Converted;
            FileDescriptor? nameless = _changes.OpenLastName(node, parent, directory, name);
            ChangeTimes.UsersChange users = volume.ChangeTimes.Begin(node);
            lock (volume.FolderGates[parent])
                result = NameChanges.RemoveNative(directory, name, resolved.Kind);
            if (result is -(int)Errno.ENOTEMPTY or -(int)Errno.EEXIST && nameless is not null
                && _changes.RemoveLeftovers(node, nameless))
            {
                lock (volume.FolderGates[parent])
                    result = NameChanges.RemoveNative(directory, name, resolved.Kind);
            }
            if (result < 0)
                nameless?.Dispose();
            else
            {
                ForgetNumber(resolved);
                volume.Nodes.NoteTakenName();
                NameChanges.KeepOpen(node, nameless);
                volume.Nodes.RemoveLink(node, parent, name.Bytes);
                NameChanges.NoteOtherNames(node, resolved.Stat.LinkCount);
            }
            // After RemoveLink, so that this finds the file under another of its names.
            volume.ChangeTimes.End(users, result, resolved.Change.IsOpen);
        }
        if (result < 0)
            return result;
        if (folder)
            volume.Directories.Drop(node);
        else if (resolved.Stat.LinkCount <= 1)
            _changes.ForgetWorkingCopy(node);
        return 0;
    }

    private void ForgetNumber(in Resolved removed)
    {
        if (removed.Kind == NodeKind.Directory || removed.Stat.LinkCount <= 1)
            volume.Source.Numbers.Forget(removed.Stat);
    }
}
