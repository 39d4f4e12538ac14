using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>Turns the C library's −1 and errno into the kernel's own convention: a count, or −errno.</summary>
internal static class SystemCallResult
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int From(int result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static long From(long result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();
}
