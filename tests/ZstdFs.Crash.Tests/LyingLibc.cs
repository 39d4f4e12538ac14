using System.Diagnostics;
using System.Runtime.InteropServices;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// Takes a rule of order out of the program that is tested, without a line for it in the program: its fsync and
/// fdatasync do nothing for chosen files. It gets its C library from here, before its first call;
/// <see cref="Faults.FailingCalls"/> has single calls of it fail.
/// </summary>
[SetUpFixture]
public sealed unsafe class LyingLibc
{
    /// <summary>
    /// The C library of the program that is tested, and only of that: the tests' own calls are the runtime's.
    /// </summary>
    internal static nint Library { get; private set; }

    /// <summary>Puts the library in place.</summary>
    [OneTimeSetUp]
    public void Build()
    {
        string library = Path.Combine(Path.GetTempPath(), $"lying-libc-{Environment.ProcessId}.so");
        using (Process compiler = Process.Start("gcc",
            ["-O1", "-shared", "-fPIC", "-o", library, Path.Combine(AppContext.BaseDirectory, "lying-libc.c"),
                Path.Combine(AppContext.BaseDirectory, "failing-libc.c")]))
        {
            compiler.WaitForExit();
            Assert.That(compiler.ExitCode, Is.Zero, "gcc");
        }
        Library = NativeLibrary.Load(library);
        File.Delete(library);
        NativeLibrary.SetDllImportResolver(typeof(SystemCallsFile).Assembly,
            static (name, _, _) => name == "libc" ? Library : 0);
        Faults.FailingCalls.SpareFinalizers();
    }

    /// <summary>Synchronising a file whose path holds this does nothing, until the result is disposed of.</summary>
    internal static IDisposable About(string partOfPath)
    {
        Lie(partOfPath);
        return new Truth();
    }

    private static void Lie(string partOfPath)
    {
        var lie = (delegate* unmanaged<byte*, void>)NativeLibrary.GetExport(Library, "lie_about");
        fixed (byte* text = Disks.Ext4.Native(partOfPath))
            lie(text);
    }

    private sealed class Truth : IDisposable
    {
        public void Dispose() => Lie("");
    }
}
