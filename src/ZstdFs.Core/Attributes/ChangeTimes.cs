using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Attributes;

/// <summary>
/// The change time that users see of a file. Users move it through the mount, and other programs in the source; commits
/// and conversions do not move it. The stored file's record holds it. The record counts while the stored file's own
/// change time is the one that the daemon left when it wrote the record. The record knows that time as a window
/// (<see cref="ChangeWindow"/>), the node knows it exactly. Where the two disagree, a user or another program changed
/// the file within the window. The daemon then writes the record again, because the node may be forgotten.
/// </summary>
internal sealed class ChangeTimes(StorageServices services, DirectoryCache directories, ContentTable contents)
{
    /// <summary>
    /// The change time that users see of a file that was just resolved. For folders <see cref="FolderGates"/> knows it.
    /// </summary>
    internal Timestamp Of(Node node, in Resolved resolved)
    {
        Timestamp stored = resolved.Stat.ChangeTime.ToTimestamp();
        if (node.Kind is NodeKind.Directory or NodeKind.Special)
            return stored;
        if (resolved.ShowsChange)
            return node.OwnChange == Node.ForeignChange
                ? KeepHidden(node, contents.Find(node.Id), stored)
                : stored;
        if (node.Kind == NodeKind.Stored && contents.Find(node.Id) is { } content
            && content.TryShowChange(out Timestamp shown))
            return KeepHidden(node, content, shown);
        if (resolved.Change.Time == default)
            return stored;
        ushort seen = Node.MarkOf(PackedTime.Pack(stored));
        if (resolved.Change.IsNew || node.OwnChange == 0)
            node.OwnChange = seen;
        return node.OwnChange == seen ? resolved.Change.Time : Keep(node, content: null, stored);
    }

    /// <summary>
    /// Writes a new record where a user or another program changed the open file within its record's window. With the
    /// old record the next mount would show the earlier time.
    /// </summary>
    private Timestamp KeepHidden(Node node, FileContent? content, Timestamp shown) =>
        node.OwnChange == Node.ForeignChange && content is { IsDirty: false } && content.Change.Hides(shown)
            ? Keep(node, content, shown)
            : shown;

    /// <summary>
    /// A user is about to change attributes or names of a file. The caller holds the file's gate until
    /// <see cref="End"/>.
    /// </summary>
    internal static UsersChange Begin(Node node, FileContent? content)
    {
        // Looks before the change: a change that begins after the window's end lies outside of it.
        bool isInWindow = content is null || content.Change.IsInWindow;
        ChangeOrigin origin = content?.Change.NoteUsers() ?? default;
        var change = new UsersChange(node, content, node.OwnChange, origin, isInWindow);
        node.OwnChange = Node.ForeignChange;
        return change;
    }

    /// <summary>The same of a file that may be open.</summary>
    internal UsersChange Begin(Node node) =>
        Begin(node, node.Kind == NodeKind.Stored ? contents.Find(node.Id) : null);

    /// <summary>
    /// The change was made, or failed with −errno. The record is written again where the change may be in its window.
    /// </summary>
    internal void End(in UsersChange change, int result, bool mayBeInWindow = true)
    {
        (Node node, FileContent? content) = (change.Node, change.Content);
        if (result < 0)
        {
            TakeBack(change);
            return;
        }
        content?.Change.NoteDone(change.Origin);
        if (mayBeInWindow && node.Kind is NodeKind.Stored or NodeKind.Plain
            && (content is null || !content.IsDirty && change.WasInWindow))
        {
            Keep(node, content, default);
        }
    }

    /// <summary>The call has changed nothing of the file, and so not its change time.</summary>
    internal static void TakeBack(in UsersChange change)
    {
        change.Node.OwnChange = change.OwnChange;
        change.Content?.Change.TakeBack(change.Origin);
    }

    /// <summary>What is known of a file's change time while a user changes it.</summary>
    internal readonly record struct UsersChange(
        Node Node, FileContent? Content, ushort OwnChange, ChangeOrigin Origin, bool WasInWindow);

    /// <summary>
    /// A user is about to make a file unchangeable, and no record can be written to it after that. So the record stops
    /// telling a change time before, and the stored file's own one counts, which the user's step moves. Returns what
    /// <see cref="TakeBack(Node, FileContent?, FileDescriptor, in SizeRecord)"/> needs where that step fails; null
    /// where the record tells none. The caller holds the file's gate.
    /// </summary>
    internal SizeRecord? LetOwnCount(Node node, FileDescriptor file)
    {
        if (services.State is null || node.Kind is not (NodeKind.Stored or NodeKind.Plain)
            || !SourceTree.TryReadRecord(file, out SizeRecord record) || record.ChangeTime == default
            || SystemCallsAt.Stat(file, out Statx stat) < 0 || !services.Source.Devices.IsOf(record, stat))
            return null;
        // Where it is unchangeable already, this is refused, and the record stays.
        int result = SourceTree.WriteRecord(file, record with { ChangeTime = default });
        return result < 0 ? null : record with { ChangeTime = record.ChangeTimeOf(stat) };
    }

    /// <summary>The user's step has failed: the record tells the change time that users saw before.</summary>
    internal static void TakeBack(Node node, FileContent? content, FileDescriptor file, in SizeRecord record)
    {
        if (SourceTree.WriteRecord(file, record, out long windowEnd) >= 0
            && SystemCallsAt.Stat(file, out Statx stat) >= 0)
            NoteOwn(node, content, record.ChangeTime, stat, windowEnd);
    }

    /// <summary>
    /// A step of ours has written the record, and left the stored file as <paramref name="own"/> shows. The caller
    /// holds the file's gate.
    /// </summary>
    internal static void NoteOwn(Node node, FileContent? content, Timestamp shown, in Statx own, long windowEnd)
    {
        Timestamp stored = own.ChangeTime.ToTimestamp();
        node.OwnChange = Node.MarkOf(PackedTime.Pack(stored));
        content?.Change.End(shown, stored, windowEnd);
    }

    /// <summary>
    /// Writes the record again where it covers a change that is not ours, and returns the change time that users see.
    /// Returns <paramref name="seen"/> where no record covers the stored file's change time.
    /// </summary>
    private Timestamp Keep(Node node, FileContent? content, Timestamp seen)
    {
        if (services.State is null)
            return seen;
        lock (node.LinksGate)
        {
            if (node.AnyLink is not { } link || directories.Rent(link.Parent, out DescriptorLease folder) < 0)
                return seen;
            using var place = new AttributePlace(folder, link, node.Kind);
            return Keep(node, content, place, seen);
        }
    }

    private Timestamp Keep(Node node, FileContent? content, in AttributePlace place, Timestamp seen)
    {
        if (!place.TryReadRecord(out SizeRecord record) || place.Stat(out Statx stat) < 0
            || !services.Source.Devices.IsOf(record, stat) || !record.CoversChange(stat))
            return seen;
        Timestamp stored = stat.ChangeTime.ToTimestamp();
        // The daemon has written the record meanwhile, or the user's change has failed.
        if (node.OwnChange == 0 || node.OwnChange == Node.MarkOf(PackedTime.Pack(stored)))
            return record.ChangeTime;
        if (place.WriteRecord(record with { ChangeTime = stored }, out long windowEnd) < 0 || place.Stat(out stat) < 0)
            return stored;
        NoteOwn(node, content, stored, stat, windowEnd);
        return stored;
    }
}
