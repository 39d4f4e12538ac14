using ZstdFs.Core.Conversion;
using ZstdFs.Core.Names;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Reports what a read-only mount does not show, because no stored file has it yet. Another mount, which serves the
/// source too, is about to store it, or a mount that ended left it to the next read-write one.
/// </summary>
internal static class UnseenWrites
{
    /// <exception cref="SourceException">
    /// A stored file may be half rewritten, and no mount is at work on it.
    /// </exception>
    internal static void Tell(SourceTree source, IEventLog log)
    {
        if (source.OpenListing(source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder) < 0)
            return;
        using (folder)
        {
            // Before the rest: when no program holds the lock, what is left there stays.
            LockHolder? holder = LockHolder.Find(source.Root);
            bool hasHalfRename = NameJournal.IsThere(folder), hasRedo = false;
            int files = 0;
            if (source.OpenListing(folder, new NativeName("working\0"u8), out FileDescriptor working) >= 0)
            {
                using (working)
                    files = UnfinishedWrites.CountFiles(working, out hasRedo);
            }
            if (holder is null)
                TellOfLeft(files, hasRedo, hasHalfRename, log);
            else if (files > 0)
            {
                log.Warning($"the source is in use ({holder.Text}), and what was written there to {files} files is not "
                    + "stored yet: this mount shows them as they were");
            }
        }
    }

    private static void TellOfLeft(int files, bool hasRedo, bool hasHalfRename, IEventLog log)
    {
        const string Remedy = "mount the source read-write once, which finishes it";
        if (hasRedo)
        {
            throw new SourceException(SourceProblem.UnfinishedWrites,
                $"the last mount ended while it rewrote a stored file, which may be half old and half new: {Remedy}");
        }
        if (files > 0)
        {
            log.Warning($"the last mount ended before it had stored what was written to {files} files, which this "
                + $"mount shows as they were: {Remedy}");
        }
        if (hasHalfRename)
            log.Warning($"the last mount ended within a rename, of which this mount shows a half: {Remedy}");
    }
}
