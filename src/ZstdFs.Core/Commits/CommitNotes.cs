using ZstdFs.Core.Content;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>What a commit writes down about its steps, for this mount and for the next.</summary>
internal static class CommitNotes
{
    /// <summary>
    /// Logs that what is in the source now is not what this mount put there last. Returns
    /// <see cref="CommitResult.Refused"/>.
    /// </summary>
    /// <param name="log">The log of failures.</param>
    /// <param name="content">What was to be committed.</param>
    /// <param name="isThere">There is a stored file under the name.</param>
    /// <param name="found">That stored file.</param>
    internal static int Refuse(BoundedLog log, FileContent content, bool isThere, in Statx found)
    {
        StoredIdentity published = content.Published.Identity;
        string what = !isThere ? "its stored file is gone"
            : found.InodeNumber != published.InodeNumber
                ? $"its name leads to another stored file, inode {found.InodeNumber} instead of {published.InodeNumber}"
            : $"its stored file was written to, {found.Size} bytes at {Seconds(found.ModifyTime.ToTimestamp())} "
                + $"instead of {published.Size} at {Seconds(published.ModifyTime)}";
        log.Error($"{NameOf(content)}: changed or deleted in the source while it was being written through the mount "
            + $"({what}); what is in the source stays");
        return CommitResult.Refused;
    }

    /// <summary>The name by which messages call the file.</summary>
    internal static string? NameOf(FileContent content) => content.Node.AnyLink?.NativeName.ToString();

    private static string Seconds(Timestamp time) => $"{time.Seconds}.{time.Nanoseconds:D9}";

    /// <summary>
    /// Notes how a step of this commit left the stored file, so that the next look does not take it for a change by
    /// another program. The caller holds the node's gate.
    /// </summary>
    internal static void NoteTouched(FileContent content, FileDescriptor stored)
    {
        if (SystemCallsAt.Stat(stored, out Statx stat) >= 0)
            NoteTouched(content, stat);
        else
            content.Published.IsUnseen = true;
    }

    /// <summary>The same where the caller has looked at the stored file since.</summary>
    internal static void NoteTouched(FileContent content, in Statx stored)
    {
        content.Published.Note(stored);
        content.Base.NoteTimes(StoredIdentity.Of(stored));
    }

    /// <summary>
    /// Notes in the working copy's record into which stored file the commit is about to go: a next mount must not take
    /// that file for another program's. 0 or −errno.
    /// </summary>
    internal static int NoteCommitted(FileContent content, ulong inodeNumber)
    {
        if (content.Working is not { } working)
            return 0;
        int result = working.WriteRecord(
            working.Record with { Base = content.Base.Identity, CommittedInode = inodeNumber });
        // A lent copy stays the file's content, and programs synchronise it through the kernel without the daemon. So
        // put the record on disk: without it, a next mount would take the committed version for a change by another
        // program.
        return result >= 0 && working.IsLent ? working.Synchronize() : result;
    }

    /// <summary>Writes a stored file's record. A source that keeps no records is served without. 0 or −errno.</summary>
    internal static int WriteRecord(FileDescriptor file, in SizeRecord record, out long windowEnd) =>
        SourceTree.WriteRecord(file, record, out windowEnd) is < 0 and var failed && failed != -(int)Errno.EOPNOTSUPP
            ? failed
            : 0;
}
