namespace ZstdFs.Core.StoredFiles;

/// <summary>A content that is compressed into frames.</summary>
internal interface IContentSource
{
    /// <summary>The zstd level for its frames.</summary>
    int Level { get; }

    /// <summary>
    /// Fills a destination that lies within the content. 0 or −errno. Several threads may read at the same time.
    /// </summary>
    int Read(long offset, Span<byte> destination);
}
