using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>
/// Starts a process that outlives its parent and its terminal, and waits for a process. Results below zero are
/// −errno.
/// </summary>
public static unsafe class ProcessSpawn
{
    /// <summary>The descriptor number under which the child finds the one passed to <see cref="Detached"/>.</summary>
    public const int PassedDescriptor = 3;

    // Larger than glibc's and musl's types (posix_spawn_file_actions_t 80, posix_spawnattr_t 336, sigset_t 128).
    private const int OpaqueBytes = 512;
    private const short SetSignalDefault = 0x04, SetSignalMask = 0x08, SetSession = 0x80; // POSIX_SPAWN_*
    private const int CloseOnExecOnly = 4; // CLOSE_RANGE_CLOEXEC
    private const int CloseOnExec = 0x80000; // O_CLOEXEC

    /// <summary>
    /// Starts <paramref name="path"/> in a session of its own, with default signal dispositions, standard input from
    /// /dev/null, both outputs appended to <paramref name="output"/>, and <paramref name="passed"/> as descriptor 3.
    /// Nothing else that is open here stays open there. Returns the process id.
    /// </summary>
    public static int Detached(NativeName path, IReadOnlyList<byte[]> arguments, NativeName output, SafeHandle passed)
    {
        // A daemon must not keep descriptors that this process inherited (a lock held by the calling script). Kernels
        // before 5.11 cannot close them; there the daemon keeps them.
        _ = LibcProcess.CloseRange(PassedDescriptor, uint.MaxValue, CloseOnExecOnly);
        bool held = false;
        try
        {
            passed.DangerousAddRef(ref held);
            return Start(path, arguments, output, (int)passed.DangerousGetHandle());
        }
        finally
        {
            if (held)
                passed.DangerousRelease();
        }
    }

    /// <summary>
    /// Runs <paramref name="path"/> without input and output, and waits for it. Returns its exit code, 128 + the signal
    /// that killed it, or −errno.
    /// </summary>
    public static int Run(NativeName path, IReadOnlyList<byte[]> arguments)
    {
        int process = Start(path, arguments, new NativeName("/dev/null\0"u8), passed: -1);
        return process < 0 ? process : Wait(process);
    }

    /// <summary>
    /// waitpid(2) for a child that has ended or is about to. Returns its exit code, 128 + the signal that killed it, or
    /// −errno.
    /// </summary>
    public static int Wait(int pid)
    {
        int status, result;
        do
            result = SystemCallResult.From(LibcProcess.WaitPid(pid, &status, 0));
        while (result == -(int)Errno.EINTR);
        return result < 0 ? result : ExitStatus.Decode(status);
    }

    /// <summary>pipe2(2). A child gets an end only through <see cref="Detached"/>. Returns 0 or −errno.</summary>
    public static int Pipe(out SafeFileHandle reading, out SafeFileHandle writing)
    {
        int* ends = stackalloc int[2];
        int result = SystemCallResult.From(LibcProcess.Pipe(ends, CloseOnExec));
        reading = new SafeFileHandle(result < 0 ? -1 : ends[0], ownsHandle: true);
        writing = new SafeFileHandle(result < 0 ? -1 : ends[1], ownsHandle: true);
        return result;
    }

    /// <summary>Whether any process may still read what is written to this end of a pipe.</summary>
    public static bool HasReader(SafeFileHandle writing)
    {
        const short Error = 8; // POLLERR
        var descriptor = new PollDescriptor { Number = (int)writing.DangerousGetHandle() };
        return LibcProcess.Poll(&descriptor, 1, 0) <= 0 || (descriptor.Returned & Error) == 0;
    }

    private static int Start(NativeName path, IReadOnlyList<byte[]> arguments, NativeName output, int passed)
    {
        byte* actions = stackalloc byte[OpaqueBytes], attributes = stackalloc byte[OpaqueBytes];
        byte** vector = null;
        int actionsMade = LibcProcess.FileActionsInitialize(actions),
            attributesMade = LibcProcess.AttributesInitialize(attributes);
        try
        {
            vector = Vector(arguments);
            int pid = 0, error = actionsMade != 0 ? actionsMade : attributesMade;
            fixed (byte* nothing = "/dev/null\0"u8)
            fixed (byte* log = output.Terminated)
            fixed (byte* program = path.Terminated)
            {
                if (error == 0)
                    error = Prepare(actions, attributes, nothing, log, passed);
                if (error == 0)
                    error = LibcProcess.Spawn(&pid, program, actions, attributes, vector,
                        *(byte***)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "environ"));
            }
            return error == 0 ? pid : -error;
        }
        finally
        {
            if (actionsMade == 0)
                _ = LibcProcess.FileActionsDestroy(actions);
            if (attributesMade == 0)
                _ = LibcProcess.AttributesDestroy(attributes);
            FreeVector(vector);
        }
    }

    private static int Prepare(byte* actions, byte* attributes, byte* nothing, byte* log, int passed)
    {
        const int Output = OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Append
            | OpenFlags.NoControllingTerminal;
        byte* none = stackalloc byte[OpaqueBytes], all = stackalloc byte[OpaqueBytes];
        new Span<byte>(none, OpaqueBytes).Clear();
        new Span<byte>(all, OpaqueBytes).Clear();
        // Signals 1 to 31, without SIGKILL (9) and SIGSTOP (19).
        *(uint*)all = 0x7fffffff & ~(1u << 8) & ~(1u << 18);
        int error = LibcProcess.FileActionsAddOpen(actions, 0, nothing, OpenFlags.ReadOnly, 0);
        if (error == 0 && passed >= 0)
            error = LibcProcess.FileActionsAddDuplicate(actions, passed, PassedDescriptor);
        if (error == 0)
            error = LibcProcess.FileActionsAddOpen(actions, 1, log, Output, 0x1a4);
        if (error == 0)
            error = LibcProcess.FileActionsAddDuplicate(actions, 1, 2);
        if (error == 0)
            error = LibcProcess.AttributesSetSignalMask(attributes, none);
        if (error == 0)
            error = LibcProcess.AttributesSetSignalDefault(attributes, all);
        return error != 0
            ? error
            : LibcProcess.AttributesSetFlags(attributes, SetSignalDefault | SetSignalMask | SetSession);
    }

    private static byte** Vector(IReadOnlyList<byte[]> arguments)
    {
        byte** vector = (byte**)NativeMemory.AllocZeroed((nuint)(arguments.Count + 1), (nuint)sizeof(byte*));
        for (int i = 0; i < arguments.Count; i++)
        {
            vector[i] = (byte*)NativeMemory.AllocZeroed((nuint)arguments[i].Length + 1);
            arguments[i].CopyTo(new Span<byte>(vector[i], arguments[i].Length));
        }
        return vector;
    }

    private static void FreeVector(byte** vector)
    {
        for (byte** p = vector; p is not null && *p is not null; p++)
            NativeMemory.Free(*p);
        NativeMemory.Free(vector);
    }
}
