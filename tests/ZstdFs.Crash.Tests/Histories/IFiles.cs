namespace ZstdFs.Crash.Tests.Histories;

/// <summary>
/// What programs do with files, by paths below a root: on a mount, or without the kernel on the file system itself.
/// </summary>
internal interface IFiles
{
    /// <summary>open(O_CREAT | O_TRUNC), write, close.</summary>
    void Replace(string path, byte[] content);

    /// <summary>open(2) for writing, and reading too unless it is <paramref name="writeOnly"/>.</summary>
    IOpenedFile Open(string path, bool creates, bool writeOnly, int flags = 0);

    /// <summary>fsync(2) of a folder.</summary>
    void SynchronizeFolder(string path);

    /// <summary>Overwrites a part through a shared mapping, and calls msync(2).</summary>
    void WriteMapped(string path, int offset, byte[] patch);

    /// <summary>
    /// A file that comes into being without a name (O_TMPFILE), is written, synchronised; the result names it (linkat).
    /// </summary>
    Action WriteUnnamed(string path, byte[] content);

    void MakeFolder(string path);

    /// <summary>Of a file, over another one too, or a folder.</summary>
    void Rename(string from, string to);

    void Exchange(string one, string other);

    void Link(string from, string to);

    void Delete(string path);

    void SetMode(string path, UnixFileMode mode);

    /// <summary>utimensat(2) of the modification time.</summary>
    void SetTime(string path, long seconds);

    void SetAttribute(string path, string name, byte[] value);
}

/// <summary>An open file. Disposing of it is close(2).</summary>
internal interface IOpenedFile : IDisposable
{
    void Write(long offset, byte[] data);

    void SetLength(long bytes);

    void Synchronize();
}
