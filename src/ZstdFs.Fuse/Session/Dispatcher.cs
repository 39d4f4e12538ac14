using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>Maps each request to its op. Frequent ops come first.</summary>
internal static class Dispatcher
{
    /// <summary>Has the file system handle a request. Returns the length of the answer's body or −errno.</summary>
    internal static int Dispatch(ref Request request) => request.Opcode switch
    {
        // The mount that the caller uses maps the caller's user or group to none: a new file would have no owner.
        FuseOpcode.Create or FuseOpcode.MkDir or FuseOpcode.MkNod or FuseOpcode.Symlink or FuseOpcode.TmpFile
            when !request.Context.NamesOwner => -(int)Errno.EOVERFLOW,
        FuseOpcode.Read => FileOps.Read(ref request),
        FuseOpcode.Write => FileOps.Write(ref request),
        FuseOpcode.Lookup => NameOps.Lookup(ref request),
        FuseOpcode.GetAttr => AttributeOps.GetAttr(ref request),
        FuseOpcode.Forget => NameOps.Forget(ref request),
        FuseOpcode.BatchForget => NameOps.BatchForget(ref request),
        FuseOpcode.Open => FileOps.Open(ref request),
        FuseOpcode.Create => FileOps.Create(ref request),
        FuseOpcode.Flush => FileOps.Flush(ref request),
        FuseOpcode.Release => FileOps.Release(ref request),
        FuseOpcode.OpenDir => DirectoryOps.OpenDir(ref request),
        FuseOpcode.ReadDir => DirectoryOps.ReadDir(ref request, plus: false),
        FuseOpcode.ReadDirPlus => DirectoryOps.ReadDir(ref request, plus: true),
        FuseOpcode.ReleaseDir => DirectoryOps.ReleaseDir(ref request),
        FuseOpcode.SetAttr => AttributeOps.SetAttr(ref request),
        FuseOpcode.Statx => AttributeOps.Statx(ref request),
        FuseOpcode.GetXattr => AttributeOps.GetXattr(ref request),
        FuseOpcode.ListXattr => AttributeOps.ListXattr(ref request),
        FuseOpcode.SetXattr => AttributeOps.SetXattr(ref request),
        FuseOpcode.RemoveXattr => AttributeOps.RemoveXattr(ref request),
        FuseOpcode.ReadLink => NameOps.ReadLink(ref request),
        FuseOpcode.Symlink => NameOps.Symlink(ref request),
        FuseOpcode.MkNod => NameOps.MkNod(ref request),
        FuseOpcode.MkDir => NameOps.MkDir(ref request),
        FuseOpcode.Unlink => NameOps.Unlink(ref request),
        FuseOpcode.RmDir => NameOps.RmDir(ref request),
        FuseOpcode.Rename => NameOps.Rename(ref request),
        FuseOpcode.Rename2 => NameOps.Rename2(ref request),
        FuseOpcode.Link => NameOps.Link(ref request),
        FuseOpcode.Fsync => FileOps.Fsync(ref request),
        FuseOpcode.FsyncDir => DirectoryOps.FsyncDir(ref request),
        FuseOpcode.SyncFs => FileOps.SyncFs(ref request),
        FuseOpcode.StatFs => AttributeOps.StatFs(ref request),
        FuseOpcode.Access => AttributeOps.Access(ref request),
        FuseOpcode.TmpFile => FileOps.TmpFile(ref request),
        FuseOpcode.Fallocate => FileOps.Fallocate(ref request),
        FuseOpcode.Lseek => FileOps.Lseek(ref request),
        FuseOpcode.CopyFileRange => FileOps.CopyFileRange(ref request),
        FuseOpcode.CopyFileRange64 => FileOps.CopyFileRange64(ref request),
        FuseOpcode.Ioctl => FileOps.Ioctl(ref request),
        FuseOpcode.Poll => FileOps.Poll(ref request),
        FuseOpcode.Interrupt => FileOps.Interrupt(ref request),
        // The daemon never asks for a NOTIFY_REPLY. It learns of the end (DESTROY) by ENODEV.
        FuseOpcode.NotifyReply or FuseOpcode.Destroy => 0,
        // Locks and BMAP are among these: the kernel handles locks itself, and does without BMAP.
        _ => -(int)Errno.ENOSYS,
    };
}
