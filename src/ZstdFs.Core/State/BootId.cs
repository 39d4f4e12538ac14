using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>Which boot of the machine this is: after another boot, whatever was only in memory is gone.</summary>
internal static class BootId
{
    /// <summary>
    /// The kernel's own id. A new one where /proc does not tell: then every mount counts as another boot. −errno
    /// where a passing fault kept the id from being read: with a new one, what is merely not synchronised would count
    /// as lost.
    /// </summary>
    internal static int TryRead(out Guid id)
    {
        int result;
        do
            result = Read(out id);
        while (result == -(int)Errno.EINTR);
        return PassingFault.Is(result) ? result : 0;
    }

    private static int Read(out Guid id)
    {
        const int TextBytes = 36;
        id = Guid.NewGuid();
        int result = SystemCallsAt.Open(
            new NativeName("/proc/sys/kernel/random/boot_id\0"u8), OpenFlags.ReadOnly, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
        {
            Span<byte> text = stackalloc byte[TextBytes];
            result = SystemCallsFile.Read(file, 0, text);
            if (result == TextBytes && Guid.TryParse(Encoding.ASCII.GetString(text), out Guid told))
                id = told;
            return result;
        }
    }
}
