using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Errors that say nothing about the file that was asked for: the disk, the memory, the descriptors or the network
/// failed at this moment. The caller must not take what the call would have found for absent or damaged.
/// </summary>
internal static class PassingFault
{
    /// <summary>Whether a result is one of them.</summary>
    internal static bool Is(int result) =>
        (Errno)(-result) is Errno.EIO or Errno.ENOMEM or Errno.EMFILE or Errno.ENFILE or Errno.EINTR or Errno.ESTALE
            or Errno.ETIMEDOUT;
}
