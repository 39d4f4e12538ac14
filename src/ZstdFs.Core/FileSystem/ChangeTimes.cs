using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// The change time that users see of a file: it moves with what users do, and with what is done in the source, and with no commit and no conversion. The stored file's record holds it, for as long
/// as the stored file's own change time is that of the step that wrote the record. Which that is, the record knows by a window (<see cref="ChangeWindow"/>), a node exactly; where the two differ,
/// another hand has changed the file within the window, and the record is written again, for who looks after the node is forgotten.
/// </summary>
internal sealed class ChangeTimes(Volume volume)
{
    /// <summary>What users see of a file that was just resolved. For no folder: <see cref="FolderGates"/> has those.</summary>
    internal Timestamp Of(Node node, in Resolved resolved)
    {
        Timestamp stored = resolved.Stat.ChangeTime.ToTimestamp();
        if (node.Kind is NodeKind.Directory or NodeKind.Special)
            return stored;
        if (resolved.ShowsChange)
            return node.OwnChange == Node.ForeignChange
                ? KeepHidden(node, volume.Contents.Find(node.Id), stored)
                : stored;
        if (node.Kind == NodeKind.Stored && volume.Contents.Find(node.Id) is { } content && content.TryShowChange(out Timestamp shown))
            return KeepHidden(node, content, shown);
        if (resolved.Change.Time == default)
            return stored;
        ushort seen = Node.MarkOf(PackedTime.Pack(stored));
        if (resolved.Change.IsNew || node.OwnChange == 0)
            node.OwnChange = seen;
        return node.OwnChange == seen ? resolved.Change.Time : Keep(node, content: null, stored);
    }

    /// <summary>
    /// Another hand has changed the open file within the window that its record has: without a new record a next mount
    /// would show the time before.
    /// </summary>
    private Timestamp KeepHidden(Node node, FileContent? content, Timestamp shown) =>
        node.OwnChange == Node.ForeignChange && content is { IsDirty: false } && content.Change.Hides(shown)
            ? Keep(node, content, shown)
            : shown;

    /// <summary>A user is about to change attributes or names of a file. The caller holds the file's gate until <see cref="End"/>.</summary>
    internal static UsersChange Begin(Node node, FileContent? content)
    {
        // Looked at before the change: where it was over by then, the change is outside of it.
        bool isInWindow = content is null || content.Change.IsInWindow;
        ChangeOrigin origin = content?.Change.NoteUsers() ?? default;
        var change = new UsersChange(node, content, node.OwnChange, origin, isInWindow);
        node.OwnChange = Node.ForeignChange;
        return change;
    }

    /// <summary>The same of a file that may be open.</summary>
    internal UsersChange Begin(Node node) => Begin(node, node.Kind == NodeKind.Stored ? volume.Contents.Find(node.Id) : null);

    /// <summary>The change was made, or failed with −errno. A record whose window it is in is told of it.</summary>
    internal void End(in UsersChange change, int result, bool mayBeInWindow = true)
    {
        (Node node, FileContent? content) = (change.Node, change.Content);
        if (result < 0)
        {
            node.OwnChange = change.OwnChange;
            content?.Change.TakeBack(change.Origin);
        }
        else if (mayBeInWindow && node.Kind is NodeKind.Stored or NodeKind.Plain
            && (content is null || !content.IsDirty && change.WasInWindow))
        {
            Keep(node, content, default);
        }
    }

    /// <summary>What is known of a file's change time while a user changes it.</summary>
    internal readonly record struct UsersChange(
        Node Node, FileContent? Content, ushort OwnChange, ChangeOrigin Origin, bool WasInWindow);

    /// <summary>A step of ours has written the record, and left the stored file as <paramref name="own"/> shows. The caller holds the file's gate.</summary>
    internal static void NoteOwn(Node node, FileContent? content, Timestamp shown, in Statx own, long windowEnd)
    {
        Timestamp stored = own.ChangeTime.ToTimestamp();
        node.OwnChange = Node.MarkOf(PackedTime.Pack(stored));
        content?.Change.End(shown, stored, windowEnd);
    }

    /// <summary>Returns what users see, where <paramref name="seen"/> was seen of the stored file.</summary>
    private Timestamp Keep(Node node, FileContent? content, Timestamp seen)
    {
        if (volume.IsReadOnly)
            return seen;
        lock (node.LinksGate)
        {
            if (node.AnyLink is not { } link || volume.Directories.Rent(link.Parent, out DescriptorLease folder) < 0)
                return seen;
            using var place = new AttributePlace(folder, link, node.Kind);
            return Keep(node, content, place, seen);
        }
    }

    private Timestamp Keep(Node node, FileContent? content, in AttributePlace place, Timestamp seen)
    {
        if (!place.TryReadRecord(out SizeRecord record) || place.Stat(out Statx stat) < 0 || !volume.Source.Devices.IsOf(record, stat) || !record.CoversChange(stat))
            return seen;
        Timestamp stored = stat.ChangeTime.ToTimestamp();
        // A step of ours has come meanwhile, or what a user was about to do has failed.
        if (node.OwnChange == 0 || node.OwnChange == Node.MarkOf(PackedTime.Pack(stored)))
            return record.ChangeTime;
        if (place.WriteRecord(record with { ChangeTime = stored }, out long windowEnd) < 0 || place.Stat(out stat) < 0)
            return stored;
        NoteOwn(node, content, stored, stat, windowEnd);
        return stored;
    }
}
