using System.Text;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>Makes the inode store that was asked for.</summary>
internal static class InodeStoreChoice
{
    /// <exception cref="InodeStoreException">The store cannot be opened.</exception>
    internal static IInodeStore Open(StateFolder? state, FileSystemOptions options, IEventLog log)
    {
        if (options.Inodes == InodeStore.Recent)
            return new RecentInodes(options.RecentInodes);
        if (state is null)
        {
            log.Warning("the inode database needs a source that can be written: places are kept in memory");
            return new RecentInodes(options.RecentInodes);
        }
        int result = options.InodeDatabasePath is { } path
            ? OpenOrMake(path, out FileDescriptor folder)
            : state.OpenInodes(out folder);
        return result < 0
            ? throw new InodeStoreException(
                $"the folder of the inode database cannot be opened ({(Errno)(-result)}): make it, or give another "
                    + "with inodes=rocksdb:PATH")
            : InodeDatabase.Open(folder, state.SourceId, log);
    }

    private static int OpenOrMake(string path, out FileDescriptor folder)
    {
        const uint ownerOnly = 0b111_000_000;
        var name = new NativeName(Encoding.UTF8.GetBytes(path + "\0"));
        int result = SystemCallsAt.Open(name, OpenFlags.ReadOnly | OpenFlags.Directory, out folder);
        if (result != -(int)Errno.ENOENT)
            return result;
        result = SystemCallsAt.Open(
            new NativeName("/\0"u8), OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor top);
        if (result < 0)
            return result;
        using (top)
            result = SystemCallsAt.MakeDirectory(top, name, ownerOnly);
        return result < 0 ? result : SystemCallsAt.Open(name, OpenFlags.ReadOnly | OpenFlags.Directory, out folder);
    }
}
