using ZstdFs.Core.Content;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>What a commit writes down about its steps, for this mount and for the next.</summary>
internal static class CommitNotes
{
    /// <summary>What is in the source now is not what this mount put there last.</summary>
    internal static int Refuse(BoundedLog log, FileContent content, bool isThere, in Statx found)
    {
        StoredIdentity published = content.Published;
        string what = !isThere ? "its stored file is gone"
            : found.InodeNumber != published.InodeNumber
                ? $"its name leads to another stored file, inode {found.InodeNumber} instead of {published.InodeNumber}"
            : $"its stored file was written to, {found.Size} bytes at {Seconds(found.ModifyTime.ToTimestamp())} instead of {published.Size} at {Seconds(published.ModifyTime)}";
        log.Error(
            $"{content.Node.AnyLink?.NativeName.ToString()}: changed or deleted in the source while it was being written through the mount ({what}); what is in the source stays");
        return CommitResult.Refused;
    }

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
            content.IsPublishedUnseen = true;
    }

    internal static void NoteTouched(FileContent content, in Statx stored)
    {
        content.NotePublished(stored);
        content.Base.NoteTimes(StoredIdentity.Of(stored));
    }

    internal static int NoteCommitted(FileContent content, ulong inodeNumber)
    {
        if (content.Overlay.Working is not { } working)
            return 0;
        int result = working.WriteRecord(
            working.Record with { Base = content.Base.Identity, CommittedInode = inodeNumber });
        // A lent copy stays the file's content, and programs synchronise it through the kernel without the daemon. So
        // put the record on disk: without it, a next mount would take the committed version for a change by another
        // program.
        return result >= 0 && working.IsLent ? working.Synchronize() : result;
    }

    /// <summary>A source that keeps no records is served without.</summary>
    internal static int WriteRecord(FileDescriptor file, in SizeRecord record, out long windowEnd) =>
        SourceTree.WriteRecord(file, record, out windowEnd) is < 0 and var failed && failed != -(int)Errno.EOPNOTSUPP
            ? failed
            : 0;
}
