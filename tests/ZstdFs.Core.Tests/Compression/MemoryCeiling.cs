using System.Globalization;
using System.Runtime.InteropServices;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>While it lasts, the kernel gives this process so much more memory and no more (RLIMIT_DATA).</summary>
internal sealed partial class MemoryCeiling : IDisposable
{
    private const int Data = 2; // RLIMIT_DATA

    private readonly ulong[] _before = new ulong[2];

    internal MemoryCeiling(long moreBytes)
    {
        string line =
            File.ReadLines("/proc/self/status").Single(static l => l.StartsWith("VmData:", StringComparison.Ordinal));
        long now = long.Parse(line.AsSpan(7, line.Length - 7 - 2).Trim(), CultureInfo.InvariantCulture) * 1024;
        Assert.That(GetLimit(Data, _before), Is.Zero);
        Assert.That(SetLimit(Data, [(ulong)(now + moreBytes), _before[1]]), Is.Zero);
    }

    public void Dispose() => Assert.That(SetLimit(Data, _before), Is.Zero);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, [Out] ulong[] limits);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, ulong[] limits);
}
