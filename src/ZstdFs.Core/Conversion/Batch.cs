using ZstdFs.Core.Source;

namespace ZstdFs.Core.Conversion;

/// <summary>Files that share one synchronisation.</summary>
internal sealed class Batch(int number)
{
    /// <summary>Batches are numbered in their order.</summary>
    internal int Number { get; } = number;

    /// <summary>Its files.</summary>
    internal List<SwapJob> Jobs { get; } = [];

    /// <summary>Logical bytes, as the walk saw them.</summary>
    internal long Bytes { get; private set; }

    /// <summary>The writing that is still under way.</summary>
    internal WorkGroup Writing { get; } = new();

    /// <summary>Adds a file.</summary>
    internal void Add(SwapJob job)
    {
        Jobs.Add(job);
        Bytes += job.Stat.Size;
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
