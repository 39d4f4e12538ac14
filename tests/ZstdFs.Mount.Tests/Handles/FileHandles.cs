using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Handles;

/// <summary>
/// name_to_handle_at(2) and open_by_handle_at(2), as an NFS server uses them: a handle is kept without keeping the file
/// open.
/// </summary>
internal static class FileHandles
{
    private const string Program = """
        import ctypes, os, sys
        libc = ctypes.CDLL(None, use_errno=True)
        class Handle(ctypes.Structure):
            _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_ubyte * 128)]
        def check(result, what):
            if result < 0:
                print("error", os.strerror(ctypes.get_errno()), what)
                sys.exit(0)
            return result
        if sys.argv[1] == "take":
            handle, mount = Handle(bytes=128), ctypes.c_int()
            check(libc.name_to_handle_at(-100, os.fsencode(sys.argv[2]), ctypes.byref(handle), ctypes.byref(mount), 0),
                "name_to_handle_at")
            print(handle.type, bytes(handle.data[:handle.bytes]).hex())
        else:
            data = bytes.fromhex(sys.argv[4])
            handle = Handle(bytes=len(data), type=int(sys.argv[3]))
            ctypes.memmove(handle.data, data, len(data))
            root = os.open(sys.argv[2], os.O_RDONLY)
            file = check(libc.open_by_handle_at(root, ctypes.byref(handle), os.O_RDONLY), "open_by_handle_at")
            if os.path.isdir("/proc/self/fd/%d" % file):
                print(os.readlink("/proc/self/fd/%d" % file)[len(sys.argv[2]):], sorted(os.listdir(file)))
            else:
                print(os.read(file, 100).decode(), end="")
        """;

    /// <summary>A handle, to be given to <see cref="Open"/>.</summary>
    internal static string Take(string path) =>
        Run("take", path) is var text && !text.StartsWith("error", StringComparison.Ordinal) ? text
            : throw new IOException(text);

    /// <summary>
    /// The first bytes of a file; the path below the mount and the names of a folder; "error" and its text.
    /// </summary>
    internal static string Open(string mount, string handle) => Run(["open", mount, .. handle.Split(' ')]);

    /// <summary>The kernel forgets every node that nobody uses.</summary>
    internal static void ForgetAll() => Shell.Get("echo 2 > /proc/sys/vm/drop_caches");

    private static string Run(params string[] words)
    {
        ShellResult result = Shell.Run(["python3", "-c", Program, .. words]);
        Assert.That(result.ExitCode, Is.Zero, () => result.ToString());
        return result.Text;
    }
}
