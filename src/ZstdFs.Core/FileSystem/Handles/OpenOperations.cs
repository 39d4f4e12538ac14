using ZstdFs.Core.Callers;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem.Handles;

/// <summary>Gives numbers to files that are opened or made, and tells the kernel how to treat them.</summary>
internal sealed class OpenOperations(Volume volume, HandleTable<OpenHandle> handles, FileOpener opener)
{
    /// <summary>open(2) of a file that exists.</summary>
    internal int Open(ulong nodeId, int flags, in Writer writer, uint sharer, out FuseOpenOut reply)
    {
        reply = default;
        // Linux also empties a file that is opened for reading with O_TRUNC.
        bool truncates = (flags & OpenFlags.Truncate) != 0;
        OpenAccess access = AccessOf(flags);
        if (truncates && access == OpenAccess.Read)
            access = OpenAccess.ReadWrite;
        int needed = access == OpenAccess.Read ? HandleShares.ToRead : HandleShares.ToWrite;
        int result = volume.Shares.Take(sharer, needed, out HandleShare share);
        if (result < 0)
            return result;
        bool appends = (flags & OpenFlags.Append) != 0 && !truncates;
        // A file that is likely to grow is better written through here: it is compressed behind its writer should the
        // disk be small. A file opened with O_DIRECT is not lent either: fcntl(F_SETFL) may take O_DIRECT away for the
        // rest of it, and the kernel does not report that.
        bool mayLend = access != OpenAccess.WriteOnly && !truncates && !appends && (flags & OpenFlags.Direct) == 0;
        result = opener.Open(nodeId, access, appends, mayLend, out OpenHandle handle, out KeptPages pages);
        if (result < 0)
        {
            volume.Shares.GiveBack(share);
            return result;
        }
        handle.Share = share;
        handle.Appends = (flags & OpenFlags.Append) != 0;
        if (truncates)
            result = handle.Truncate(0, writer);
        if (result < 0)
        {
            handle.Close();
            return result;
        }
        var file = handle as OpenFile;
        bool isServedByKernel = file is { IsServedByKernel: true };
        // A working copy that was lent to read may not be synchronised yet. Its pages need no care: the kernel drops
        // what it has cached of a file that it serves by itself, and caches nothing more.
        if (file is { IsServedByKernel: true, IsWritable: true })
        {
            // The daemon will not hear of the first write.
            volume.Privileges.Drop(file.Content, writer.Unannounced);
            result = volume.Committer.Durability.Secure(file.Content);
        }
        if (result < 0)
        {
            handle.Close();
            return result;
        }
        // Drop them before the answer: another open must not find them.
        if (pages == KeptPages.Stale && file is { IsServedByKernel: false })
            volume.Pages.DropFor(file.Content);
        reply = Register(handle);
        if (pages == KeptPages.Current && !isServedByKernel)
            reply.OpenFlags |= OpenReplyFlags.KeepCache;
        if (handle.NoteOpened(access, flags, mayReadUnseen: pages == KeptPages.Current || isServedByKernel))
            volume.Notices.InvalidateAttributes(nodeId);
        return 0;
    }

    /// <summary>
    /// A handle for a file just made, where <paramref name="result"/> says that it was. Returns the result.
    /// </summary>
    internal int Register(int result, OpenFile file, int flags, in HandleShare share, out FuseOpenOut reply)
    {
        reply = default;
        if (result < 0)
        {
            volume.Shares.GiveBack(share);
            return result;
        }
        file.Share = share;
        file.Appends = (flags & OpenFlags.Append) != 0;
        reply = Register(file);
        return result;
    }

    /// <summary>What the flags of open(2) allow.</summary>
    internal static OpenAccess AccessOf(int flags) => (flags & OpenFlags.AccessMask) switch
    {
        OpenFlags.ReadOnly => OpenAccess.Read,
        OpenFlags.WriteOnly => OpenAccess.WriteOnly,
        _ => OpenAccess.ReadWrite,
    };

    /// <summary>Gives the handle a number, by which the kernel names it from here on.</summary>
    private FuseOpenOut Register(OpenHandle handle)
    {
        FuseOpenOut reply = handle.Reply;
        reply.Handle = handles.Add(handle);
        return reply;
    }
}
