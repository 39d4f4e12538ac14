using ZstdFs.Linux;

namespace ZstdFs.Fuse.Transport;

/// <summary>/dev/fuse, or any descriptor that carries one message a read. The caller closes it.</summary>
internal sealed class FuseDevice(FileDescriptor descriptor) : IFuseDevice
{
    public int Read(Span<byte> message)
    {
        try
        {
            return DeviceCalls.Read(descriptor, message);
        }
        catch (ObjectDisposedException)
        {
            // Closed after a stop, while the mount stays.
            return -(int)Errno.EBADF;
        }
    }

    public int Write(ReadOnlySpan<byte> message)
    {
        try
        {
            int result;
            do
                result = DeviceCalls.Write(descriptor, message);
            while (result == -(int)Errno.EINTR);
            return result;
        }
        catch (ObjectDisposedException)
        {
            return -(int)Errno.EBADF;
        }
    }

    public void WaitForInput(int timeoutMs)
    {
        try
        {
            _ = DeviceCalls.WaitForInput(descriptor, timeoutMs);
        }
        catch (ObjectDisposedException)
        {
            // The next read returns EBADF.
        }
    }

    public int Control(uint command, Span<byte> argument)
    {
        try
        {
            return SystemCallsFile.IoControl(descriptor, command, argument);
        }
        catch (ObjectDisposedException)
        {
            return -(int)Errno.EBADF;
        }
    }
}
