using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>
/// An open file descriptor, closed once. A call that holds it keeps the number from being reused under it.
/// </summary>
public sealed partial class FileDescriptor : SafeHandle
{
    /// <summary>Required by the interop generator; not open yet.</summary>
    public FileDescriptor() : base(-1, ownsHandle: true) { }

    /// <summary>Takes ownership of <paramref name="number"/>.</summary>
    public FileDescriptor(int number) : base(-1, ownsHandle: true) => SetHandle(number);

    /// <inheritdoc/>
    public override bool IsInvalid => (int)handle < 0;

    /// <summary>The number, for a message or a /proc path. It is valid only while this object is open.</summary>
    public int Number => (int)handle;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Close((int)handle) == 0;

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int number);
}
