#pragma warning disable
using ZstdFs.Cli.Options;
using ZstdFs.Fuse;
using ZstdFs.Linux;
namespace ZstdFs.Cli.Mounting;
internal sealed class KernelMount : IDisposable
{
    internal static KernelMount Create(Folder mountPoint, string source, MountOptions options, bool readOnly) => throw new NotImplementedException();
    internal void Run(FuseFileSystem fileSystem) => throw new NotImplementedException();
    internal static int Unmount(byte[] path, bool detach) => throw new NotImplementedException();
    public void Dispose() { }
}
