using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>What the compression layer throws, as the errno that the caller of an op gets.</summary>
internal static class ContentFault
{
    internal static bool IsExpected(Exception exception) => exception is DamagedFrameException or StorageException or WindowTooLargeException;

    /// <summary>−errno, and a line in the log that names the file: of many damages of one version the first.</summary>
    internal static int Report(Exception exception, FileContent content, BoundedLog log)
    {
        byte[] path = content.Node.LogicalPath();
        log.Error($"{(path.Length == 0 ? "a deleted file" : Encoding.UTF8.GetString(path))}: {exception.Message}", exception is DamagedFrameException ? "damage" : exception.Message, content.Base.Identity.Version);
        return -(int)(exception switch { StorageException storage => storage.Errno, WindowTooLargeException => Errno.ENOMEM, _ => Errno.EIO });
    }
}
