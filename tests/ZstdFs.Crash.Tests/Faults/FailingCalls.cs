using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Faults;

/// <summary>What becomes of the chosen system call.</summary>
internal enum FaultWay
{
    /// <summary>It fails.</summary>
    Once,
    /// <summary>It fails, and so do all after it that may fail so.</summary>
    FromThenOn,
    /// <summary>It is not made, and says that it was.</summary>
    Lie,
}

/// <summary>One fault: the n-th system call of those that may end with this error.</summary>
internal readonly record struct Fault(long Number, Errno Errno, FaultWay Way)
{
    /// <summary>Only calls of this name count; null for all.</summary>
    internal string? Call { get; init; }

    /// <summary>Only calls of the thread that arms the fault count, none of the program's own threads.</summary>
    internal bool IsOfThisThread { get; init; }

    public override string ToString() => $"call {Number}{(Call is null ? "" : $" of {Call}")}: {Errno}, {Way}";
}

/// <summary>Has chosen system calls of the program that is tested fail (failing-libc.c).</summary>
internal static unsafe class FailingCalls
{
    private static volatile string? _struck;
    private static volatile bool _sparesFinalizers;

    /// <summary>The name of the call that was hit first, and where the program made it; null where none was.</summary>
    internal static string? Struck => _struck;

    /// <summary>
    /// The errors that are tried: those that a source can meet at any call, at calls that need room, at calls that
    /// open, at calls that wait.
    /// </summary>
    internal static readonly Errno[] Errors =
        [Errno.EIO, Errno.ENOSPC, Errno.EDQUOT, Errno.EMFILE, Errno.ENOMEM, Errno.EINTR, Errno.ESTALE];

    /// <summary>From now on.</summary>
    internal static void Arm(in Fault fault)
    {
        var choose = (delegate* unmanaged<byte*, int, void>)Export("choose_calls");
        fixed (byte* name = Disks.Ext4.Native(fault.Call ?? ""))
            choose(name, fault.IsOfThisThread ? 1 : 0);
        _struck = null;
        var arm =
            (delegate* unmanaged<nint, int, int, int, delegate* unmanaged<byte*, void>, void>)Export("arm_failure");
        arm((nint)fault.Number, KindOf(fault.Errno), (int)fault.Errno, (int)fault.Way, &Note);
    }

    /// <summary>
    /// What killed file systems left open, the finalizers close, at any moment. Their thread is none of the program's:
    /// from now on its calls neither count nor fail.
    /// </summary>
    internal static void SpareFinalizers()
    {
        const int MostCollections = 100;
        for (int i = 0; !_sparesFinalizers && i < MostCollections; i++)
        {
            LeaveToFinalizers();
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.That(_sparesFinalizers, Is.True, "no finalizer ran");
    }

    // The caller must not keep it alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LeaveToFinalizers() => _ = new Leaving();

    /// <summary>All calls are made again. Returns how many could have failed so since the fault was armed.</summary>
    internal static long Disarm() => ((delegate* unmanaged<nint>)Export("disarm_failure"))();

    /// <summary>
    /// The program was killed: until the result is disposed of, nothing that it calls has an effect, but that
    /// descriptors are closed.
    /// </summary>
    internal static IDisposable Kill()
    {
        SetDead(true);
        return new Death();
    }

    private static void SetDead(bool isDead) => ((delegate* unmanaged<int, void>)Export("set_dead"))(isDead ? 1 : 0);

    private static nint Export(string name) => NativeLibrary.GetExport(LyingLibc.Library, name);

    private static int KindOf(Errno errno) => errno switch
    {
        Errno.ENOSPC or Errno.EDQUOT => 2,
        Errno.EMFILE => 4,
        Errno.ENOMEM => 8,
        Errno.EINTR => 16,
        Errno.ESTALE => 32,
        // Of a call that the file system does not know.
        Errno.EINVAL => 64,
        _ => 1,
    };

    [UnmanagedCallersOnly]
    private static void Note(byte* call) => _struck =
        $"{Marshal.PtrToStringUTF8((nint)call)}\n{new StackTrace(2, false)}";

    private sealed class Death : IDisposable
    {
        public void Dispose() => SetDead(false);
    }

    /// <summary>Its finalizer has the thread spared on which all of them run.</summary>
    private sealed class Leaving
    {
        ~Leaving()
        {
            ((delegate* unmanaged<void>)Export("spare_thread"))();
            _sparesFinalizers = true;
        }
    }
}
