using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>What the compression layer throws, as the errno that the caller of an op gets.</summary>
internal static class ContentFault
{
    internal static bool IsExpected(Exception exception) => exception is DamagedFrameException or StorageException or WindowTooLargeException;

    /// <summary>−errno, and a line in the log that names the file.</summary>
    internal static int Report(Exception exception, FileContent content, IEventLog log)
    {
        log.Error($"{content.Node.AnyLink?.NativeName.ToString() ?? "a deleted file"}: {exception.Message}");
        return -(int)(exception switch { StorageException storage => storage.Errno, WindowTooLargeException => Errno.ENOMEM, _ => Errno.EIO });
    }
}
