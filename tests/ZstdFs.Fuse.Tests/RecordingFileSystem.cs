using System.Collections.Concurrent;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>Takes down every op with its arguments, and answers as the test says.</summary>
internal sealed class RecordingFileSystem : FuseFileSystem
{
    internal const ulong EntryNode = 70, OpenHandle = 90, FirstListed = 71, SecondListed = 72;

    private readonly ConcurrentQueue<string> _calls = new();

    /// <summary>What an op results in, or throws; 0 where null.</summary>
    internal Func<FuseOpcode, long>? Result { get; set; }

    internal NegotiatedConnection Connection { get; private set; }

    internal int TimesDestroyed { get; private set; }

    /// <summary>The ops since the last time.</summary>
    internal string[] TakeCalls()
    {
        string[] calls = [.. _calls];
        _calls.Clear();
        return calls;
    }

    private long DoLong(FuseOpcode op, params object[] arguments)
    {
        _calls.Enqueue(string.Join(' ',
            [op.ToString(), .. arguments.Select(argument => FormattableString.Invariant($"{argument}"))]));
        return Result?.Invoke(op) ?? 0;
    }

    private int Do(FuseOpcode op, params object[] arguments) => (int)DoLong(op, arguments);

    private int DoEntry(FuseOpcode op, out FuseEntryOut entry, params object[] arguments)
    {
        entry = new FuseEntryOut { NodeId = EntryNode };
        return Do(op, arguments);
    }

    private int DoOpen(FuseOpcode op, out FuseOpenOut open, params object[] arguments)
    {
        open = new FuseOpenOut { Handle = OpenHandle };
        return Do(op, arguments);
    }

    public override void Initialized(in NegotiatedConnection connection)
    {
        Connection = connection;
        _ = Result?.Invoke(FuseOpcode.Init);
    }

    public override void Destroyed() => TimesDestroyed++;

    public override int Lookup(in RequestContext context, ulong parent, NativeName name, out FuseEntryOut entry) =>
        DoEntry(FuseOpcode.Lookup, out entry, parent, name.ToString());

    public override void Forget(ulong node, ulong lookups) => Do(FuseOpcode.Forget, node, lookups);

    public override int GetAttributes(in RequestContext context, ulong node, ulong handle, out FuseAttrOut attributes)
    {
        attributes = default;
        return Do(FuseOpcode.GetAttr, node, handle == NoHandle ? "none" : handle);
    }

    public override int SetAttributes(in RequestContext context, ulong node, in FuseSetattrIn change,
        out FuseAttrOut attributes)
    {
        attributes = default;
        return Do(FuseOpcode.SetAttr, node, (uint)change.Valid, change.Handle == NoHandle ? "none" : change.Handle,
            change.Size, change.Mode, change.Uid, change.Gid);
    }

    public override int Statx(in RequestContext context, ulong node, ulong handle, uint flags, uint mask,
        out FuseStatxOut attributes)
    {
        attributes = default;
        return Do(FuseOpcode.Statx, node, handle == NoHandle ? "none" : handle, flags, mask);
    }

    public override int ReadLink(in RequestContext context, ulong node, Span<byte> target) =>
        Do(FuseOpcode.ReadLink, node, target.Length);

    public override int SymbolicLink(in RequestContext context, ulong parent, NativeName name, NativeName target,
        out FuseEntryOut entry) =>
        DoEntry(FuseOpcode.Symlink, out entry, parent, name.ToString(), target.ToString());

    public override int MakeNode(in RequestContext context, ulong parent, NativeName name, uint mode, uint deviceNumber,
        uint umask, out FuseEntryOut entry) =>
        DoEntry(FuseOpcode.MkNod, out entry, parent, name.ToString(), mode, deviceNumber, umask);

    public override int MakeDirectory(in RequestContext context, ulong parent, NativeName name, uint mode, uint umask,
        out FuseEntryOut entry) =>
        DoEntry(FuseOpcode.MkDir, out entry, parent, name.ToString(), mode, umask);

    public override int Unlink(in RequestContext context, ulong parent, NativeName name) =>
        Do(FuseOpcode.Unlink, parent, name.ToString());

    public override int RemoveDirectory(in RequestContext context, ulong parent, NativeName name) =>
        Do(FuseOpcode.RmDir, parent, name.ToString());

    public override int Rename(in RequestContext context, ulong oldParent, NativeName oldName, ulong newParent,
        NativeName newName, uint flags) =>
        Do(FuseOpcode.Rename, oldParent, oldName.ToString(), newParent, newName.ToString(), flags);

    public override int Link(in RequestContext context, ulong node, ulong newParent, NativeName newName,
        out FuseEntryOut entry) =>
        DoEntry(FuseOpcode.Link, out entry, node, newParent, newName.ToString());

    public override int Open(in RequestContext context, ulong node, int flags, bool killSuidSgid,
        out FuseOpenOut reply) =>
        DoOpen(FuseOpcode.Open, out reply, node, flags, killSuidSgid);

    public override int Create(in RequestContext context, ulong parent, NativeName name, int flags, uint mode,
        uint umask, out FuseEntryOut entry, out FuseOpenOut reply)
    {
        reply = new FuseOpenOut { Handle = OpenHandle };
        return DoEntry(FuseOpcode.Create, out entry, parent, name.ToString(), flags, mode, umask);
    }

    public override int TemporaryFile(in RequestContext context, ulong parent, int flags, uint mode, uint umask,
        out FuseEntryOut entry, out FuseOpenOut reply)
    {
        reply = new FuseOpenOut { Handle = OpenHandle };
        return DoEntry(FuseOpcode.TmpFile, out entry, parent, flags, mode, umask);
    }

    public override int Read(in RequestContext context, ulong node, ulong handle, long offset, Span<byte> destination)
    {
        destination.Clear();
        return Do(FuseOpcode.Read, node, handle, offset, destination.Length);
    }

    public override int Write(
        in RequestContext context, ulong node, ulong handle, long offset, ReadOnlySpan<byte> data, WriteFlags flags,
            int openFlags) =>
        Do(FuseOpcode.Write, node, handle, offset, data.Length, flags, openFlags);

    public override int Flush(in RequestContext context, ulong node, ulong handle, ulong lockOwner) =>
        Do(FuseOpcode.Flush, node, handle, lockOwner);

    public override void Release(in RequestContext context, ulong node, ulong handle, int flags) =>
        Do(FuseOpcode.Release, node, handle, flags);

    public override int Synchronize(in RequestContext context, ulong node, ulong handle, bool dataOnly) =>
        Do(FuseOpcode.Fsync, node, handle, dataOnly);

    public override int OpenDirectory(in RequestContext context, ulong node, int flags, out FuseOpenOut reply) =>
        DoOpen(FuseOpcode.OpenDir, out reply, node, flags);

    public override int ReadDirectory(in RequestContext context, ulong node, ulong handle, ulong offset,
        ref DirectoryWriter writer)
    {
        if (writer.IsPlus)
        {
            writer.TryAddPlus("."u8, new FuseEntryOut { NodeId = node, Attr = new FuseAttr { Ino = node } },
                FileType.EntryDirectory, 1);
            writer.TryAddPlus("first"u8,
                new FuseEntryOut { NodeId = FirstListed, Attr = new FuseAttr { Ino = FirstListed } },
                FileType.EntryRegular, 2);
            writer.TryAdd("unknown"u8, 5, FileType.EntryRegular, 3);
            writer.TryAddPlus("second one"u8,
                new FuseEntryOut { NodeId = SecondListed, Attr = new FuseAttr { Ino = SecondListed } },
                FileType.EntryRegular, 4);
        }
        else
            writer.TryAdd("first"u8, FirstListed, FileType.EntryRegular, 2);
        return Do(writer.IsPlus ? FuseOpcode.ReadDirPlus : FuseOpcode.ReadDir, node, handle, offset);
    }

    public override void ReleaseDirectory(in RequestContext context, ulong node, ulong handle) =>
        Do(FuseOpcode.ReleaseDir, node, handle);

    public override int SynchronizeDirectory(in RequestContext context, ulong node, ulong handle, bool dataOnly) =>
        Do(FuseOpcode.FsyncDir, node, handle, dataOnly);

    public override int StatFileSystem(in RequestContext context, ulong node, out FuseKstatfs statistics)
    {
        statistics = default;
        return Do(FuseOpcode.StatFs, node);
    }

    public override int SynchronizeFileSystem(in RequestContext context, ulong node) => Do(FuseOpcode.SyncFs, node);

    public override int SetExtendedAttribute(in RequestContext context, ulong node, NativeName name,
        ReadOnlySpan<byte> value, int flags, bool killSgid) =>
        Do(FuseOpcode.SetXattr, node, name.ToString(), value.Length, value.IsEmpty ? 0 : value[^1], flags, killSgid);

    public override int GetExtendedAttribute(in RequestContext context, ulong node, NativeName name,
        Span<byte> value) =>
        Do(FuseOpcode.GetXattr, node, name.ToString(), value.Length);

    public override int ListExtendedAttributes(in RequestContext context, ulong node, Span<byte> names) =>
        Do(FuseOpcode.ListXattr, node, names.Length);

    public override int RemoveExtendedAttribute(in RequestContext context, ulong node, NativeName name) =>
        Do(FuseOpcode.RemoveXattr, node, name.ToString());

    public override int Access(in RequestContext context, ulong node, uint mask) => Do(FuseOpcode.Access, node, mask);

    public override int Allocate(in RequestContext context, ulong node, ulong handle, long offset, long length,
        uint mode) =>
        Do(FuseOpcode.Fallocate, node, handle, offset, length, mode);

    public override long Seek(in RequestContext context, ulong node, ulong handle, long offset, uint whence) =>
        DoLong(FuseOpcode.Lseek, node, handle, offset, whence);

    public override long CopyFileRange(in RequestContext context, ulong nodeIn, ulong handleIn, long offsetIn,
        ulong nodeOut, ulong handleOut, long offsetOut, long length, ulong flags) =>
        DoLong(FuseOpcode.CopyFileRange, nodeIn, handleIn, offsetIn, nodeOut, handleOut, offsetOut, length, flags);

    public override int IoControl(in RequestContext context, ulong node, ulong handle, uint flags, uint command,
        ulong argument, ReadOnlySpan<byte> input, Span<byte> output)
    {
        input.CopyTo(output);
        return Do(FuseOpcode.Ioctl, node, handle, flags, command, argument, input.Length, output.Length);
    }

    public override int Poll(in RequestContext context, ulong node, ulong handle, ulong pollHandle, uint flags,
        uint events, out uint readyEvents)
    {
        readyEvents = events;
        return Do(FuseOpcode.Poll, node, handle, pollHandle, flags, events);
    }

    public override void Interrupt(ulong unique) => Do(FuseOpcode.Interrupt, unique);
}
