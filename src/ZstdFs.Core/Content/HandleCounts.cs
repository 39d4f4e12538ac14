namespace ZstdFs.Core.Content;

/// <summary>Counts the handles on a content by what they may do. Guarded by the table of contents.</summary>
internal sealed class HandleCounts
{
    /// <summary>Open handles, and other users that keep the content open, such as commits that wait.</summary>
    internal int Holds { get; set; }

    /// <summary>Open handles.</summary>
    internal int Open { get; set; }

    /// <summary>The file's name opens another version.</summary>
    internal bool AreOfAnEarlierVersion { get; set; }

    /// <summary>Handles that may write.</summary>
    internal int Writable { get; set; }

    /// <summary>Handles that may read.</summary>
    internal int Readable { get; set; }

    /// <summary>
    /// Handles through which a program may have mapped the file for writing. What the program stores there stays in the
    /// kernel until the kernel writes the pages.
    /// </summary>
    internal int Mappable { get; set; }

    /// <summary>Handles whose pages the kernel caches.</summary>
    internal int Cached { get; set; }

    /// <summary>Handles that write past the kernel's pages.</summary>
    internal int DirectWriters { get; set; }

    /// <summary>
    /// The kernel's number of the working copy from which it serves all handles; 0 where it does not.
    /// </summary>
    internal int BackingId { get; set; }
}
