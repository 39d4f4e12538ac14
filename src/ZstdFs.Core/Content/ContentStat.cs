using ZstdFs.Core.Compression;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>What stat(2) shows of an open file.</summary>
internal static class ContentStat
{
    /// <summary>
    /// The length that users are shown; <see cref="StoredFacts.UnknownBytes"/> where it cannot be found out. A program
    /// that reads the file is told why.
    /// </summary>
    internal static long ShownBytes(this FileContent content)
    {
        try
        {
            return content.LoadedBytes();
        }
        catch (UndecodableException)
        {
            return StoredFacts.UnknownBytes;
        }
    }

    /// <summary>
    /// Attributes of the stored file without walking to its name. False where this content does not have all the rest
    /// that stat(2) shows, or the stored file is not this content.
    /// </summary>
    internal static bool TryStat(this FileContent content, out Statx stat, out ShownContent shown)
    {
        // A writer that never stops must not keep this from ending. It changes length and times together all the same.
        const int Attempts = 100;
        ShownSequence sequence = content.Overlay.Shown;
        bool isOurs = false;
        long changeLook = 0;
        (stat, shown) = (default, default);
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            int look = sequence.Look();
            changeLook = content.Change.Look();
            StoredBase current = content.Base;
            shown = content.Show();
            if (!shown.IsLoaded || !current.TryStat(out stat))
                return false;
            // What another program wrote into the stored file itself is not this content.
            isOurs = shown.IsDirty || StoredIdentity.Of(stat) == current.Identity;
            if (!sequence.HasChanged(look))
                break;
        }
        if (!isOurs)
            return false;
        Timestamp change = content.Change.Of(changeLook, stat.ChangeTime.ToTimestamp());
        stat.ChangeTime = StatxTimestamp.Of(shown.IsDirty && shown.ChangeTime > change ? shown.ChangeTime : change);
        return true;
    }

    /// <summary>
    /// The change time that users see. False where the stored file is not this content, or was just replaced: then the
    /// caller must go by the name.
    /// </summary>
    internal static bool TryShowChange(this FileContent content, out Timestamp shown)
    {
        shown = default;
        StoredBase current = content.Base;
        long look = content.Change.Look();
        if (!current.TryStat(hasName: content.Node.HasName, out Statx stat)
            || !content.IsDirty && StoredIdentity.Of(stat) != current.Identity)
            return false;
        shown = content.ChangeTimeOf(look, stat);
        return true;
    }

    /// <summary>
    /// Attributes of the stored file that the caller has open, with the times that users see. False where they cannot
    /// be looked at.
    /// </summary>
    internal static bool TryShowTimes(this FileContent content, FileDescriptor stored, out Statx stat)
    {
        long look = content.Change.Look();
        if (SystemCallsAt.Stat(stored, out stat) < 0)
            return false;
        ShownContent shown = content.Show();
        stat.ChangeTime = StatxTimestamp.Of(content.ChangeTimeOf(look, stat));
        if (shown.IsDirty)
            stat.ModifyTime = StatxTimestamp.Of(shown.ModifyTime);
        return true;
    }

    /// <summary>
    /// The change time that users see and a commit keeps, where the stored file shows <paramref name="stat"/>. The
    /// caller asked for that after <see cref="ShownChange.Look"/>.
    /// </summary>
    internal static Timestamp ChangeTimeOf(this FileContent content, long look, in Statx stat)
    {
        Timestamp stored = content.Change.Of(look, stat.ChangeTime.ToTimestamp());
        return content.IsDirty && content.ChangeTime is var written && written > stored ? written : stored;
    }
}
