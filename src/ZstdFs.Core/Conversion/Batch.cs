using ZstdFs.Core.Source;

namespace ZstdFs.Core.Conversion;

/// <summary>Files that share one synchronisation.</summary>
internal sealed class Batch(int number)
{
    // One file with very many names may take more, up to what a journal can hold.
    private const long MostJournalBytes = 32 << 20;

    /// <summary>Batches are numbered in their order.</summary>
    internal int Number { get; } = number;

    /// <summary>Its files.</summary>
    internal List<SwapJob> Jobs { get; } = [];

    /// <summary>Logical bytes, as the walk saw them.</summary>
    internal long Bytes { get; private set; }

    private long _journalBytes;

    /// <summary>The writing that is still under way.</summary>
    internal WorkGroup Writing { get; } = new();

    /// <summary>
    /// Whether the batch's journal stays short with this file in it. A batch without files takes any one that a journal
    /// can hold.
    /// </summary>
    internal bool HasRoomFor(SwapJob job) =>
        Jobs.Count == 0 || _journalBytes + ConversionJournal.BytesFor(job) <= MostJournalBytes;

    /// <summary>Adds a file.</summary>
    internal void Add(SwapJob job)
    {
        Jobs.Add(job);
        Bytes += job.Stat.Size;
        _journalBytes += ConversionJournal.BytesFor(job);
    }

    /// <summary>The files that were not left.</summary>
    internal IReadOnlyList<SwapJob> Remaining => [.. Jobs.Where(j => !j.IsLeft)];

    /// <summary>Gives folders their times back: to users, converting a file does not change its folder.</summary>
    internal void RestoreFolderTimes(FolderTimes times)
    {
        foreach (SourceFolder folder in Jobs.SelectMany(j => j.Names).Select(n => n.Folder).Distinct())
            times.Restore(folder);
    }

    /// <summary>Closes everything.</summary>
    internal void Release()
    {
        foreach (SwapJob job in Jobs)
        {
            job.CloseFiles();
            foreach (SwapName name in job.Names)
                name.Folder.Release();
        }
    }
}
