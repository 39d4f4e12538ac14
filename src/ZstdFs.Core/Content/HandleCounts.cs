namespace ZstdFs.Core.Content;

/// <summary>Who has a content open, and how. Guarded by the table of contents.</summary>
internal sealed class HandleCounts
{
    /// <summary>Open handles, and commits that wait.</summary>
    internal int Holds { get; set; }

    /// <summary>Open handles.</summary>
    internal int Open { get; set; }

    /// <summary>Another version is the one that is opened by now.</summary>
    internal bool AreOfAnEarlierVersion { get; set; }

    /// <summary>Handles that may write.</summary>
    internal int Writable { get; set; }

    /// <summary>Handles that may read.</summary>
    internal int Readable { get; set; }

    /// <summary>
    /// Handles that a program may have mapped to write. The kernel keeps what it stores there until it writes the pages.
    /// </summary>
    internal int Mappable { get; set; }

    /// <summary>Handles of which the kernel keeps pages.</summary>
    internal int Cached { get; set; }

    /// <summary>Handles that may write, past the kernel's pages.</summary>
    internal int DirectWriters { get; set; }

    /// <summary>The kernel's number of the working copy that it serves all of them from; 0 where it does not.</summary>
    internal int BackingId { get; set; }
}
