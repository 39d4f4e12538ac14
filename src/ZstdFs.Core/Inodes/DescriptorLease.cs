using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// A descriptor in use: it stays open until the lease is disposed of, even where another thread closes it meanwhile.
/// </summary>
internal readonly struct DescriptorLease : IDisposable
{
    /// <summary>Keeps the descriptor open.</summary>
    internal DescriptorLease(FileDescriptor descriptor)
    {
        bool added = false;
        descriptor.DangerousAddRef(ref added);
        Descriptor = descriptor;
    }

    /// <summary>The descriptor, open until the lease is disposed of.</summary>
    internal FileDescriptor Descriptor { get; }

    public void Dispose() => Descriptor?.DangerousRelease();
}
