using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>What the compression layer throws, as the errno that the caller of an op gets.</summary>
internal static class ContentFault
{
    /// <summary>Whether the compression layer threw it, and not a fault of this program.</summary>
    internal static bool IsExpected(Exception exception) => exception is UndecodableException;

    /// <summary>
    /// Returns −errno, and logs a line that names the file: of several damages of one version only the first. An
    /// unexpected exception is counted, too.
    /// </summary>
    internal static int Report(Exception exception, FileContent content, BoundedLog log)
    {
        byte[] path = content.Node.LogicalPath();
        string name = path.Length == 0 ? "a deleted file" : Encoding.UTF8.GetString(path);
        if (IsExpected(exception))
            log.Error(
                $"{name}: {exception.Message}",
                exception is DamagedFrameException ? "damage" : exception.Message,
                content.Base.Identity.Version);
        else
            log.Unexpected(name, exception);
        return -(int)(exception is UndecodableException undecodable ? undecodable.Errno : Errno.EIO);
    }
}
