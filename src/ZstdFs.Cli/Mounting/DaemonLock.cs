using System.Globalization;
using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// The lock file of the source that a daemon serves, opened before the unmount. It is found among the daemon's open
/// files: the source may be on no path here.
/// </summary>
internal sealed class DaemonLock : IDisposable
{
    private readonly FileDescriptor? _file;

    private DaemonLock(FileDescriptor? file) => _file = file;

    /// <summary>Holds nothing where the daemon has taken no lock, or this process may not look.</summary>
    internal static DaemonLock Of(int process)
    {
        string folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/fd");
        try
        {
            foreach (string link in Directory.EnumerateFileSystemEntries(folder))
            {
                if (new FileInfo(link).LinkTarget?.EndsWith("/.zstdfs/lock", StringComparison.Ordinal) == true
                    && SystemCallsAt.Open(new NativeName(Encoding.ASCII.GetBytes(link + '\0')),
                        OpenFlags.ReadOnly | OpenFlags.NonBlocking, out FileDescriptor file) >= 0)
                    return new DaemonLock(file);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or it is another user's.
        }
        return new DaemonLock(null);
    }

    /// <summary>The daemon has no mount any more, and stores what is left.</summary>
    internal bool IsEnding => _file is not null && LockHolder.Of(_file) is not { IsEnding: false };

    public void Dispose() => _file?.Dispose();
}
