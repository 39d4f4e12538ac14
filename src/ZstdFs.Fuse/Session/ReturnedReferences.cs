using System.Runtime.ExceptionServices;

namespace ZstdFs.Fuse.Session;

/// <summary>Several references that go back at once: one that the file system fails on does not keep the others.</summary>
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
