using System.Runtime.ExceptionServices;

namespace ZstdFs.Fuse.Session;

/// <summary>
/// Gives several references back at once. Where the file system fails on one, the others still go back.
/// </summary>
internal ref struct ReturnedReferences(FuseFileSystem fileSystem)
{
    private ExceptionDispatchInfo? _failure;

    internal void Forget(ulong node, ulong lookups)
    {
        try
        {
            fileSystem.Forget(node, lookups);
        }
        catch (Exception exception)
        {
            _failure ??= ExceptionDispatchInfo.Capture(exception);
        }
    }

    /// <summary>Throws the first failure, where there was one.</summary>
    internal readonly void ThrowFailure() => _failure?.Throw();
}
