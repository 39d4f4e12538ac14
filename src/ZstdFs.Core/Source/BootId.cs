using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>Which boot of the machine this is: a new one means that whatever was only in memory is gone.</summary>
internal static class BootId
{
    /// <summary>The kernel's own id; empty where /proc does not tell, which makes every boot another one.</summary>
    internal static Guid Current()
    {
        const int TextBytes = 36;
        if (SystemCallsAt.Open(new NativeName("/proc/sys/kernel/random/boot_id\0"u8), OpenFlags.ReadOnly, out FileDescriptor file) < 0)
            return Guid.NewGuid();
        using (file)
        {
            Span<byte> text = stackalloc byte[TextBytes];
            return SystemCallsFile.Read(file, 0, text) == TextBytes && Guid.TryParse(Encoding.ASCII.GetString(text), out Guid id) ? id : Guid.NewGuid();
        }
    }
}
