using System.Reflection;
using System.Runtime.InteropServices;

namespace ZstdFs.Core.Inodes.Native;

/// <summary>
/// Which librocksdb is loaded: 7.8, which Debian 12 has and which the databases were begun with, else the oldest newer
/// one. Its file names end with major and minor number, and the loader knows no pattern. So each name is asked for:
/// the loader answers from its cache, and 200 names take some milliseconds where none is there.
/// The C functions in use have been the same since 7.8.
/// </summary>
internal static class RocksLibrary
{
    /// <summary>The name by which the imports ask for it.</summary>
    internal const string Name = "librocksdb";

    private const int FirstMajor = 7, FirstMinor = 8, LastMajor = 15, LastMinor = 25;

    /// <summary>The file names, in the order in which they are tried.</summary>
    internal static IEnumerable<string> FileNames()
    {
        for (int major = FirstMajor; major <= LastMajor; major++)
        {
            for (int minor = major == FirstMajor ? FirstMinor : 0; minor <= LastMinor; minor++)
                yield return $"librocksdb.so.{major}.{minor}";
        }
    }

    /// <summary>A resolver of imports: the library's handle; 0 for other libraries, and where there is none.</summary>
    internal static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != Name)
            return 0;
        foreach (string file in FileNames())
        {
            if (NativeLibrary.TryLoad(file, out nint handle))
                return handle;
        }
        return 0;
    }
}
