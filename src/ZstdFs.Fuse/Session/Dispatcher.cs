using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>
/// One request: decodes its body, calls the file system, lays out the answer. The result is the length of the answer's body, −errno, or
/// <see cref="NoReply"/>.
/// </summary>
internal ref struct Dispatcher(FuseSession session, FuseInHeader header, RequestReader body, Span<byte> reply)
{
    internal const int NoReply = int.MinValue;

    private const int Invalid = -(int)Errno.EINVAL;
    private const int EntryBytes = 128, OpenBytes = 16;

    private readonly FuseFileSystem _fileSystem = session.FileSystem;
    private readonly RequestContext _context = new(header.Unique, header.Uid, header.Gid, header.Pid);
    private readonly Span<byte> _reply = reply;
    private readonly ulong _node = header.NodeId;
    private RequestReader _body = body;

    internal int Dispatch()
    {
        int result = header.Opcode switch
        {
            FuseOpcode.Read => Read(),
            FuseOpcode.Write => Write(),
            FuseOpcode.Lookup => Lookup(),
            FuseOpcode.GetAttr => GetAttr(),
            FuseOpcode.Forget => Forget(),
            FuseOpcode.BatchForget => BatchForget(),
            FuseOpcode.Open => Open(),
            FuseOpcode.Release => Release(),
            FuseOpcode.Flush => Flush(),
            FuseOpcode.Create => Create(),
            FuseOpcode.TmpFile => TmpFile(),
            FuseOpcode.SetAttr => SetAttr(),
            FuseOpcode.Statx => Statx(),
            FuseOpcode.OpenDir => OpenDir(),
            FuseOpcode.ReadDir => ReadDir(plus: false),
            FuseOpcode.ReadDirPlus => ReadDir(plus: true),
            FuseOpcode.ReleaseDir => ReleaseDir(),
            FuseOpcode.Fsync => Fsync(directory: false),
            FuseOpcode.FsyncDir => Fsync(directory: true),
            FuseOpcode.Init => Init(),
            FuseOpcode.Interrupt or FuseOpcode.NotifyReply => NoReply, // every op is bounded: it ends soon by itself
            FuseOpcode.Destroy => 0,
            _ => DispatchNames(),
        };
        return _body.IsMalformed && result != NoReply ? Invalid : result;
    }

    private int DispatchNames() => header.Opcode switch
    {
        FuseOpcode.MkNod => MkNod(),
        FuseOpcode.MkDir => MkDir(),
        FuseOpcode.Symlink => Symlink(),
        FuseOpcode.Link => Link(),
        FuseOpcode.Unlink => _body.Name() is var name && _body.IsMalformed ? Invalid : _fileSystem.Unlink(_context, _node, name),
        FuseOpcode.RmDir => _body.Name() is var name && _body.IsMalformed ? Invalid : _fileSystem.RemoveDirectory(_context, _node, name),
        FuseOpcode.Rename => Rename(hasFlags: false),
        FuseOpcode.Rename2 => Rename(hasFlags: true),
        FuseOpcode.ReadLink => _fileSystem.ReadLink(_context, _node, _reply[..4096]),
        FuseOpcode.SetXattr => SetXattr(),
        FuseOpcode.GetXattr => GetXattr(hasName: true),
        FuseOpcode.ListXattr => GetXattr(hasName: false),
        FuseOpcode.RemoveXattr => _body.Name() is var name && _body.IsMalformed ? Invalid : _fileSystem.RemoveExtendedAttribute(_context, _node, name),
        FuseOpcode.StatFs => StatFs(),
        FuseOpcode.SyncFs => _fileSystem.SynchronizeFileSystem(_context, _node),
        FuseOpcode.Access => _fileSystem.Access(_context, _node, _body.Read<uint>()),
        FuseOpcode.Fallocate => Fallocate(),
        FuseOpcode.Lseek => Lseek(),
        FuseOpcode.CopyFileRange => CopyFileRange(wide: false),
        FuseOpcode.CopyFileRange64 => CopyFileRange(wide: true),
        FuseOpcode.Ioctl => Ioctl(),
        _ => -(int)Errno.ENOSYS,
    };

    /// <summary>The answer did not arrive: gives back the references and handles that it carried.</summary>
    internal readonly void TakeBack()
    {
        bool hasEntry = header.Opcode is FuseOpcode.Lookup or FuseOpcode.Create or FuseOpcode.TmpFile or FuseOpcode.MkNod or FuseOpcode.MkDir
            or FuseOpcode.Symlink or FuseOpcode.Link;
        ulong node = hasEntry ? BinaryPrimitives.ReadUInt64LittleEndian(_reply) : _node;
        if (header.Opcode is FuseOpcode.Create or FuseOpcode.TmpFile)
            _fileSystem.Release(_context, node, BinaryPrimitives.ReadUInt64LittleEndian(_reply[EntryBytes..]), 0);
        else if (header.Opcode == FuseOpcode.Open)
            _fileSystem.Release(_context, node, BinaryPrimitives.ReadUInt64LittleEndian(_reply), 0);
        else if (header.Opcode == FuseOpcode.OpenDir)
            _fileSystem.ReleaseDirectory(_context, node, BinaryPrimitives.ReadUInt64LittleEndian(_reply));
        if (hasEntry && node != 0)
            _fileSystem.Forget(node, 1);
    }

    private readonly int Answer<T>(int result, in T value) where T : unmanaged
    {
        if (result < 0)
            return result;
        MemoryMarshal.Write(_reply, in value);
        return Unsafe.SizeOf<T>();
    }

    private int Init()
    {
        uint major = _body.Read<uint>(), minor = _body.Read<uint>(), maxReadahead = _body.Read<uint>();
        ulong offered = _body.Read<uint>();
        if (_body.IsMalformed || major < Negotiation.Major || major == Negotiation.Major && minor < Negotiation.OldestMinor)
            return -(int)Errno.EPROTO;
        // A newer major: name ours, and the kernel asks again.
        if (major > Negotiation.Major)
            return Answer(0, Negotiation.Reply(Negotiation.NewestMinor, maxReadahead, 0, session.Options));
        if (_body.Remaining >= sizeof(uint) && (offered & (ulong)InitFlags.InitExt) != 0)
            offered |= (ulong)_body.Read<uint>() << 32;
        FuseInitOut settled = Negotiation.Reply(minor, maxReadahead, Negotiation.Choose((InitFlags)offered, session.Options), session.Options);
        session.Serve(settled);
        return Answer(0, settled);
    }

    private int Lookup()
    {
        NativeName name = _body.Name();
        return _body.IsMalformed ? Invalid : Answer(_fileSystem.Lookup(_context, _node, name, out FuseEntryOut entry), entry);
    }

    private int Forget()
    {
        ulong count = _body.Read<ulong>();
        if (!_body.IsMalformed)
            _fileSystem.Forget(_node, count);
        return NoReply;
    }

    private int BatchForget()
    {
        uint count = _body.Read<uint>();
        _body.Skip(4);
        for (uint i = 0; i < count && !_body.IsMalformed; i++)
        {
            ulong node = _body.Read<ulong>(), lookups = _body.Read<ulong>();
            if (!_body.IsMalformed)
                _fileSystem.Forget(node, lookups);
        }
        return NoReply;
    }

    private int GetAttr()
    {
        uint flags = _body.Read<uint>();
        _body.Skip(4);
        ulong handle = _body.Read<ulong>();
        if (_body.IsMalformed)
            return Invalid;
        const uint HasHandle = 1; // FUSE_GETATTR_FH
        return Answer(_fileSystem.GetAttributes(_context, _node, (flags & HasHandle) != 0 ? handle : FuseFileSystem.NoHandle, out FuseAttrOut attributes), attributes);
    }

    private int Statx()
    {
        uint flags = _body.Read<uint>();
        _body.Skip(4);
        ulong handle = _body.Read<ulong>();
        uint statxFlags = _body.Read<uint>(), mask = _body.Read<uint>();
        if (_body.IsMalformed)
            return Invalid;
        return Answer(_fileSystem.Statx(_context, _node, (flags & 1) != 0 ? handle : FuseFileSystem.NoHandle, statxFlags, mask, out FuseStatxOut attributes), attributes);
    }

    private int SetAttr()
    {
        FuseSetattrIn change = _body.Read<FuseSetattrIn>();
        if (_body.IsMalformed)
            return Invalid;
        if ((change.Valid & SetattrValid.Handle) == 0)
            change.Handle = FuseFileSystem.NoHandle;
        return Answer(_fileSystem.SetAttributes(_context, _node, change, out FuseAttrOut attributes), attributes);
    }

    private int MkNod()
    {
        uint mode = _body.Read<uint>(), device = _body.Read<uint>(), umask = _body.Read<uint>();
        _body.Skip(4);
        NativeName name = _body.Name();
        return _body.IsMalformed ? Invalid : Answer(_fileSystem.MakeNode(_context, _node, name, mode, device, umask, out FuseEntryOut entry), entry);
    }

    private int MkDir()
    {
        uint mode = _body.Read<uint>(), umask = _body.Read<uint>();
        NativeName name = _body.Name();
        return _body.IsMalformed ? Invalid : Answer(_fileSystem.MakeDirectory(_context, _node, name, mode, umask, out FuseEntryOut entry), entry);
    }

    private int Symlink()
    {
        NativeName name = _body.Name(), target = _body.Name();
        return _body.IsMalformed ? Invalid : Answer(_fileSystem.SymbolicLink(_context, _node, name, target, out FuseEntryOut entry), entry);
    }

    private int Link()
    {
        ulong existing = _body.Read<ulong>();
        NativeName name = _body.Name();
        return _body.IsMalformed ? Invalid : Answer(_fileSystem.Link(_context, existing, _node, name, out FuseEntryOut entry), entry);
    }

    private int Rename(bool hasFlags)
    {
        ulong newParent = _body.Read<ulong>();
        uint flags = 0;
        if (hasFlags)
        {
            flags = _body.Read<uint>();
            _body.Skip(4);
        }
        NativeName oldName = _body.Name(), newName = _body.Name();
        return _body.IsMalformed ? Invalid : _fileSystem.Rename(_context, _node, oldName, newParent, newName, flags);
    }

    private int Open()
    {
        int flags = _body.Read<int>();
        uint openFlags = _body.Read<uint>();
        return _body.IsMalformed ? Invalid : Answer(_fileSystem.Open(_context, _node, flags, (openFlags & 1) != 0, out FuseOpenOut open), open);
    }

    private int Create()
    {
        int flags = _body.Read<int>();
        uint mode = _body.Read<uint>(), umask = _body.Read<uint>();
        _body.Skip(4);
        NativeName name = _body.Name();
        if (_body.IsMalformed)
            return Invalid;
        return AnswerOpened(_fileSystem.Create(_context, _node, name, flags, mode, umask, out FuseEntryOut entry, out FuseOpenOut open), entry, open);
    }

    private int TmpFile()
    {
        int flags = _body.Read<int>();
        uint mode = _body.Read<uint>(), umask = _body.Read<uint>();
        if (_body.IsMalformed)
            return Invalid;
        return AnswerOpened(_fileSystem.TemporaryFile(_context, _node, flags, mode, umask, out FuseEntryOut entry, out FuseOpenOut open), entry, open);
    }

    private readonly int AnswerOpened(int result, in FuseEntryOut entry, in FuseOpenOut open)
    {
        if (result < 0)
            return result;
        MemoryMarshal.Write(_reply, in entry);
        MemoryMarshal.Write(_reply[EntryBytes..], in open);
        return EntryBytes + OpenBytes;
    }

    private int Read()
    {
        ulong handle = _body.Read<ulong>();
        long offset = _body.Read<long>();
        uint size = _body.Read<uint>();
        if (_body.IsMalformed || size > (uint)_reply.Length || offset < 0)
            return Invalid;
        return _fileSystem.Read(_context, _node, handle, offset, _reply[..(int)size]);
    }

    private int Write()
    {
        ulong handle = _body.Read<ulong>();
        long offset = _body.Read<long>();
        uint size = _body.Read<uint>(), flags = _body.Read<uint>();
        _body.Skip(16);
        ReadOnlySpan<byte> data = _body.Bytes(size);
        if (_body.IsMalformed || offset < 0)
            return Invalid;
        int written = _fileSystem.Write(_context, _node, handle, offset, data, (flags & 4) != 0);
        return Answer(written, (ulong)(uint)written);
    }

    private int Flush()
    {
        ulong handle = _body.Read<ulong>();
        _body.Skip(8);
        ulong owner = _body.Read<ulong>();
        if (_body.IsMalformed)
            return Invalid;
        int result = _fileSystem.Flush(_context, _node, handle, owner);
        // ENOSYS would mean that close never tells us again.
        return result == -(int)Errno.ENOSYS ? 0 : result;
    }

    private int Release()
    {
        ulong handle = _body.Read<ulong>();
        int flags = _body.Read<int>();
        if (_body.IsMalformed)
            return Invalid;
        _fileSystem.Release(_context, _node, handle, flags);
        return 0;
    }

    private int Fsync(bool directory)
    {
        ulong handle = _body.Read<ulong>();
        bool dataOnly = (_body.Read<uint>() & 1) != 0;
        if (_body.IsMalformed)
            return Invalid;
        return directory ? _fileSystem.SynchronizeDirectory(_context, _node, handle, dataOnly) : _fileSystem.Synchronize(_context, _node, handle, dataOnly);
    }

    private int OpenDir()
    {
        int flags = _body.Read<int>();
        return _body.IsMalformed ? Invalid : Answer(_fileSystem.OpenDirectory(_context, _node, flags, out FuseOpenOut open), open);
    }

    private int ReadDir(bool plus)
    {
        ulong handle = _body.Read<ulong>(), offset = _body.Read<ulong>();
        uint size = _body.Read<uint>();
        if (_body.IsMalformed || size > (uint)_reply.Length)
            return Invalid;
        var writer = new DirectoryWriter(_reply[..(int)size], plus);
        int result = _fileSystem.ReadDirectory(_context, _node, handle, offset, ref writer);
        return result < 0 ? result : writer.BytesWritten;
    }

    private int ReleaseDir()
    {
        ulong handle = _body.Read<ulong>();
        if (_body.IsMalformed)
            return Invalid;
        _fileSystem.ReleaseDirectory(_context, _node, handle);
        return 0;
    }

    private readonly int StatFs() => Answer(_fileSystem.StatFileSystem(_context, _node, out FuseKstatfs statistics), statistics);

    private int SetXattr()
    {
        uint size = _body.Read<uint>();
        int flags = _body.Read<int>();
        uint extra = _body.Read<uint>(); // SETXATTR_EXT is always taken
        _body.Skip(4);
        NativeName name = _body.Name();
        ReadOnlySpan<byte> value = _body.Bytes(size);
        return _body.IsMalformed ? Invalid : _fileSystem.SetExtendedAttribute(_context, _node, name, value, flags, (extra & 1) != 0);
    }

    private int GetXattr(bool hasName)
    {
        uint size = _body.Read<uint>();
        _body.Skip(4);
        NativeName name = hasName ? _body.Name() : default;
        if (_body.IsMalformed || size > (uint)_reply.Length)
            return Invalid;
        Span<byte> value = _reply[..(int)size];
        int length = hasName ? _fileSystem.GetExtendedAttribute(_context, _node, name, value) : _fileSystem.ListExtendedAttributes(_context, _node, value);
        return size == 0 ? Answer(length, (ulong)(uint)Math.Max(0, length)) : length;
    }

    private int Fallocate()
    {
        ulong handle = _body.Read<ulong>();
        long offset = _body.Read<long>(), length = _body.Read<long>();
        uint mode = _body.Read<uint>();
        return _body.IsMalformed ? Invalid : _fileSystem.Allocate(_context, _node, handle, offset, length, mode);
    }

    private int Lseek()
    {
        ulong handle = _body.Read<ulong>();
        long offset = _body.Read<long>();
        uint whence = _body.Read<uint>();
        if (_body.IsMalformed)
            return Invalid;
        long result = _fileSystem.Seek(_context, _node, handle, offset, whence);
        return result < 0 ? (int)result : Answer(0, result);
    }

    private int CopyFileRange(bool wide)
    {
        ulong handleIn = _body.Read<ulong>();
        long offsetIn = _body.Read<long>();
        ulong nodeOut = _body.Read<ulong>(), handleOut = _body.Read<ulong>();
        long offsetOut = _body.Read<long>(), length = _body.Read<long>();
        ulong flags = _body.Read<ulong>();
        if (_body.IsMalformed)
            return Invalid;
        // The older op's answer has 32 bits.
        if (!wide)
            length = Math.Min(length, int.MaxValue & ~4095);
        long result = _fileSystem.CopyFileRange(_context, _node, handleIn, offsetIn, nodeOut, handleOut, offsetOut, length, flags);
        return result < 0 ? (int)result : Answer(0, result);
    }

    private int Ioctl()
    {
        ulong handle = _body.Read<ulong>();
        uint flags = _body.Read<uint>(), command = _body.Read<uint>();
        ulong argument = _body.Read<ulong>();
        uint inSize = _body.Read<uint>(), outSize = _body.Read<uint>();
        ReadOnlySpan<byte> input = _body.Bytes(inSize);
        const int ReplyBytes = 16;
        if (_body.IsMalformed || outSize > _reply.Length - ReplyBytes)
            return Invalid;
        Span<byte> output = _reply.Slice(ReplyBytes, (int)outSize);
        output.Clear();
        int result = _fileSystem.IoControl(_context, _node, handle, flags, command, argument, input, output);
        if (result < 0)
            return result;
        _reply[..ReplyBytes].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(_reply, result);
        return ReplyBytes + (int)outSize;
    }
}
