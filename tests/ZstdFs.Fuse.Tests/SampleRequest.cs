using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Tests;

/// <summary>
/// A well-formed request of each opcode for node 5, what the file system hears of it, and how long its answer's body
/// is.
/// </summary>
internal sealed record SampleRequest(FuseOpcode Opcode, byte[] Message, string Call, int ReplyBytes)
{
    internal const ulong Node = 5;

    private const uint ModeAndHandle = 1 | 1 << 6;

    /// <summary>Requests that are answered.</summary>
    internal static IReadOnlyList<SampleRequest> Answered { get; } =
    [
        new(FuseOpcode.Lookup, Body.Of("name"), "Lookup 5 name", 128),
        new(FuseOpcode.GetAttr, Body.Of(1u, 0u, 44ul), "GetAttr 5 44", 104),
        new(FuseOpcode.SetAttr,
            Body.Of(ModeAndHandle, 0u, 44ul, 600ul, 0ul, 1ul, 2ul, 3ul, 4u, 5u, 6u, 0x81A4u, 0u, 10u, 11u, 0u),
            $"SetAttr 5 {ModeAndHandle} 44 600 33188 10 11", 104),
        new(FuseOpcode.ReadLink, [], "ReadLink 5 4095", 0),
        new(FuseOpcode.Symlink, Body.Of("name", "some/target"), "Symlink 5 name some/target", 128),
        new(FuseOpcode.MkNod, Body.Of(1u, 2u, 3u, 0u, "name"), "MkNod 5 name 1 2 3", 128),
        new(FuseOpcode.MkDir, Body.Of(1u, 2u, "name"), "MkDir 5 name 1 2", 128),
        new(FuseOpcode.Unlink, Body.Of("name"), "Unlink 5 name", 0),
        new(FuseOpcode.RmDir, Body.Of("name"), "RmDir 5 name", 0),
        new(FuseOpcode.Rename, Body.Of(6ul, "old", "new"), "Rename 5 old 6 new 0", 0),
        new(FuseOpcode.Rename2, Body.Of(6ul, 1u, 0u, "old", "new"), "Rename 5 old 6 new 1", 0),
        new(FuseOpcode.Link, Body.Of(9ul, "name"), "Link 9 5 name", 128),
        new(FuseOpcode.Open, Body.Of(2, 1u), "Open 5 2 True", 16),
        new(FuseOpcode.Create, Body.Of(2, 0x1A4u, 0x12u, 0u, "name"), "Create 5 name 2 420 18", 144),
        new(FuseOpcode.TmpFile, Body.Of(2, 0x1A4u, 0x12u, 0u, "/"), "TmpFile 5 2 420 18", 144),
        new(FuseOpcode.Read, Body.Read(44, 4096, 1000), "Read 5 44 4096 1000", 0),
        new(FuseOpcode.Write, Body.Write(44, 4096, new byte[10], flags: 5, openFlags: 0x401),
            "Write 5 44 4096 10 FromPageCache, KillSuidSgid 1025", 8),
        new(FuseOpcode.StatFs, [], "StatFs 5", 80),
        new(FuseOpcode.Release, Body.Of(44ul, 2, 0u, 0ul), "Release 5 44 2", 0),
        new(FuseOpcode.Fsync, Body.Of(44ul, 1u, 0u), "Fsync 5 44 True", 0),
        new(FuseOpcode.SetXattr, Body.Of(3u, 2, 1u, 0u, "user.a", "abc"u8.ToArray()), "SetXattr 5 user.a 3 99 2 True",
            0),
        new(FuseOpcode.GetXattr, Body.Of(0u, 0u, "user.a"), "GetXattr 5 user.a 0", 8),
        new(FuseOpcode.ListXattr, Body.Of(0u, 0u), "ListXattr 5 0", 8),
        new(FuseOpcode.RemoveXattr, Body.Of("user.a"), "RemoveXattr 5 user.a", 0),
        new(FuseOpcode.Flush, Body.Of(44ul, 0u, 0u, 77ul), "Flush 5 44 77", 0),
        new(FuseOpcode.OpenDir, Body.Of(2, 0u), "OpenDir 5 2", 16),
        new(FuseOpcode.ReadDir, Body.Read(44, 0, 4096), "ReadDir 5 44 0", 32),
        new(FuseOpcode.ReadDirPlus, Body.Read(44, 0, 4096), "ReadDirPlus 5 44 0", 4 * 152 + 8 + 8 + 8 + 16),
        new(FuseOpcode.ReleaseDir, Body.Of(44ul, 2, 0u, 0ul), "ReleaseDir 5 44", 0),
        new(FuseOpcode.FsyncDir, Body.Of(44ul, 0u, 0u), "FsyncDir 5 44 False", 0),
        new(FuseOpcode.Access, Body.Of(4u, 0u), "Access 5 4", 0),
        new(FuseOpcode.Ioctl, Body.Of(44ul, 0u, 0x5801u, 9ul, 3u, 8u, "abc"u8.ToArray()), "Ioctl 5 44 0 22529 9 3 8",
            24),
        new(FuseOpcode.Poll, Body.Of(44ul, 3ul, 1u, 5u), "Poll 5 44 3 1 5", 8),
        new(FuseOpcode.Fallocate, Body.Of(44ul, 10ul, 20ul, 1u, 0u), "Fallocate 5 44 10 20 1", 0),
        new(FuseOpcode.Lseek, Body.Of(44ul, 10ul, 3u, 0u), "Lseek 5 44 10 3", 8),
        new(FuseOpcode.CopyFileRange, Body.Of(44ul, 1ul, 6ul, 45ul, 2ul, ulong.MaxValue, 0ul),
            $"CopyFileRange 5 44 1 6 45 2 {0x7ffff000} 0", 8),
        new(FuseOpcode.CopyFileRange64, Body.Of(44ul, 1ul, 6ul, 45ul, 2ul, 1ul << 40, 0ul),
            $"CopyFileRange 5 44 1 6 45 2 {1L << 40} 0", 8),
        new(FuseOpcode.Statx, Body.Of(0u, 0u, 44ul, 1u, 0xFFFu), "Statx 5 none 1 4095", 288),
        new(FuseOpcode.SyncFs, Body.Of(0ul), "SyncFs 5", 0),
    ];

    /// <summary>Requests that have no reply.</summary>
    internal static IReadOnlyList<SampleRequest> Unanswered { get; } =
    [
        new(FuseOpcode.Forget, Body.Of(3ul), "Forget 5 3", 0),
        new(FuseOpcode.BatchForget, Body.Of(2u, 0u, 8ul, 1ul, 9ul, 4ul), "Forget 8 1, Forget 9 4", 0),
        new(FuseOpcode.Interrupt, Body.Of(101ul), "Interrupt 101", 0),
    ];

    public override string ToString() => Opcode.ToString();
}
