using ZstdFs.Core.Inodes;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.Names;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.Attributes;

/// <summary>The attributes that users see of files and folders, as FUSE answers carry them.</summary>
/// <param name="services">Counts the versions that commits publish.</param>
/// <param name="nodes">Finds what is known of a node.</param>
/// <param name="contents">Open files.</param>
/// <param name="changeTimes">Knows the change times that users see.</param>
/// <param name="pages">Told what the kernel learns of a file.</param>
/// <param name="valid">How long the attributes hold.</param>
internal sealed class ShownAttributes(
    StorageServices services, NodeResolver nodes, ContentTable contents, ChangeTimes changeTimes, KernelPages pages,
    ValidTime valid)
{
    // A commit of a file takes many times as long as one look at it, so few looks meet a commit.
    private const int Attempts = 16;

    /// <summary>What GETATTR and SETATTR show.</summary>
    /// <param name="node">The file or folder.</param>
    /// <param name="isChanging">The caller answers a change, during which nothing may wait for the kernel.</param>
    /// <param name="attributes">Its attributes.</param>
    internal int Get(Node node, bool isChanging, out FuseAttrOut attributes)
    {
        attributes = new FuseAttrOut { AttrValid = valid.Seconds, AttrValidNsec = valid.Nanoseconds };
        int result = Gather(node, out Resolved resolved, out attributes.Attr);
        if (result >= 0 && !isChanging)
            pages.NoteShown(node, resolved.Stat);
        return result;
    }

    /// <summary>A node's attributes. Where a commit publishes meanwhile, they are gathered again.</summary>
    private int Gather(Node node, out Resolved resolved, out FuseAttr attributes)
    {
        int result;
        attributes = default;
        long before;
        int attempt = 0;
        do
        {
            before = services.Publications.Of(node.Id);
            result = nodes.Resolve(node, out resolved);
            if (result >= 0)
                attributes = Of(node, resolved);
        }
        while (before != services.Publications.Of(node.Id) && attempt++ < Attempts);
        return result;
    }

    /// <summary>What statx(2) shows: the attributes and the birth time.</summary>
    internal int GetExtended(Node node, out FuseStatxOut extended)
    {
        int result = Gather(node, out Resolved resolved, out FuseAttr attributes);
        Statx stored = resolved.Stat;
        if (result >= 0)
            pages.NoteShown(node, stored);
        extended = new FuseStatxOut
        {
            AttrValid = valid.Seconds,
            AttrValidNsec = valid.Nanoseconds,
            Stat = new FuseStatx
            {
                Mask = Statx.BasicStats | (resolved.Birth == default ? 0 : Statx.BirthTime),
                Blksize = attributes.Blksize,
                Nlink = attributes.Nlink,
                Uid = attributes.Uid,
                Gid = attributes.Gid,
                Mode = (ushort)attributes.Mode,
                Ino = attributes.Ino,
                Size = attributes.Size,
                Blocks = attributes.Blocks,
                Atime = new FuseSxTime { Seconds = attributes.Atime, Nanoseconds = attributes.AtimeNsec },
                Btime = new FuseSxTime
                {
                    Seconds = resolved.Birth.Seconds,
                    Nanoseconds = (uint)resolved.Birth.Nanoseconds
                },
                Ctime = new FuseSxTime { Seconds = attributes.Ctime, Nanoseconds = attributes.CtimeNsec },
                Mtime = new FuseSxTime { Seconds = attributes.Mtime, Nanoseconds = attributes.MtimeNsec },
                RdevMajor = stored.RdevMajor,
                RdevMinor = stored.RdevMinor,
            },
        };
        return result;
    }

    /// <summary>
    /// st_blocks: the space that the content would take up uncompressed, as on btrfs. A file that shows less counts as
    /// sparse to cp, tar and others, which then look for holes and do not copy inside the kernel. So only a file with
    /// holes shows less. It shows at least one block, because 0 tells tar that there is nothing to read.
    /// </summary>
    private static ulong ShownBlocks(long logicalBytes, ulong storedBlocks, bool hasHoles)
    {
        const int SectorBytes = 512, SectorsInBlock = 8;
        ulong whole = ((ulong)Math.Max(logicalBytes, 0) + SectorBytes * SectorsInBlock - 1)
            / (SectorBytes * SectorsInBlock) * SectorsInBlock;
        return hasHoles ? Math.Min(whole, Math.Max(storedBlocks, 1)) : whole;
    }

    /// <summary>The attributes of a node that was just resolved.</summary>
    internal FuseAttr Of(Node node, in Resolved resolved)
    {
        Statx stat = resolved.Stat;
        Timestamp change = changeTimes.Of(node, resolved);
        var attributes = new FuseAttr
        {
            Ino = resolved.Id,
            Size = (ulong)Math.Max(resolved.LogicalBytes, 0),
            Blocks = node.Kind == NodeKind.Stored
                ? ShownBlocks(resolved.LogicalBytes, stat.Blocks, resolved.HasHoles) : stat.Blocks,
            Atime = stat.AccessTime.Seconds,
            AtimeNsec = stat.AccessTime.Nanoseconds,
            Mtime = stat.ModifyTime.Seconds,
            MtimeNsec = stat.ModifyTime.Nanoseconds,
            Ctime = change.Seconds,
            CtimeNsec = (uint)change.Nanoseconds,
            Mode = stat.Mode,
            Nlink = stat.LinkCount,
            Uid = stat.UserId,
            Gid = stat.GroupId,
            Rdev = stat.Rdev,
            Blksize = stat.BlockSize,
        };
        ShownContent? shown =
            node.Kind == NodeKind.Stored ? resolved.Content ?? contents.Find(node.Id)?.Show() : null;
        if (shown is { IsDirty: true } content)
        {
            attributes.Size = (ulong)content.LogicalBytes;
            attributes.Blocks = ShownBlocks(content.LogicalBytes, stat.Blocks, content.HasHoles);
            attributes.Mtime = content.ModifyTime.Seconds;
            attributes.MtimeNsec = (uint)content.ModifyTime.Nanoseconds;
        }
        return attributes;
    }
}
