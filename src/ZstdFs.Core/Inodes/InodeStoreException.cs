namespace ZstdFs.Core.Inodes;

/// <summary>
/// The inode store that was asked for cannot be had; the message says why and what to do, in one line.
/// </summary>
public sealed class InodeStoreException(string message, bool isInUse = false, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>Another daemon has the database open.</summary>
    public bool IsInUse { get; } = isInUse;
}
