using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_setattr_in</c>: which attributes change, and to what. 88 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 88)]
public struct FuseSetattrIn
{
    /// <summary>FATTR_* bits.</summary>
    public SetattrValid Valid;
    /// <summary>Padding.</summary>
    public uint Padding;
    /// <summary>File handle, where <see cref="SetattrValid.Handle"/> is set.</summary>
    public ulong Handle;
    /// <summary>New length in bytes.</summary>
    public ulong Size;
    /// <summary>Lock owner.</summary>
    public ulong LockOwner;
    /// <summary>Seconds.</summary>
    public long Atime;
    /// <summary>Seconds.</summary>
    public long Mtime;
    /// <summary>Seconds.</summary>
    public long Ctime;
    /// <summary>Nanoseconds.</summary>
    public uint AtimeNsec;
    /// <summary>Nanoseconds.</summary>
    public uint MtimeNsec;
    /// <summary>Nanoseconds.</summary>
    public uint CtimeNsec;
    /// <summary>New mode.</summary>
    public uint Mode;
    /// <summary>Unused.</summary>
    public uint Unused4;
    /// <summary>New owner.</summary>
    public uint Uid;
    /// <summary>New group.</summary>
    public uint Gid;
    /// <summary>Unused.</summary>
    public uint Unused5;
}
