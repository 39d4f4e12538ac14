using System.Runtime.InteropServices;

namespace ZstdFs.Core.Compression.Codecs;

/// <summary>Keeps a context from being freed while the codec works with it. Throws where it has been freed.</summary>
internal readonly ref struct HeldContext
{
    private readonly SafeHandle _context;

    internal HeldContext(SafeHandle context)
    {
        bool held = false;
        context.DangerousAddRef(ref held);
        _context = context;
    }

    internal nint Address => _context.DangerousGetHandle();

    public void Dispose() => _context.DangerousRelease();
}
