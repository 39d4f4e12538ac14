using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// Takes small files in memory, once, the way that every file goes: they are written as frames, read, changed in the
/// middle and written again. No user waits for it. It finds out early that a machine must not be trusted with files.
/// And it loads all code before the first user needs it: the first look at a big file takes a third of the time.
/// </summary>
internal sealed class SelfCheck(StorageServices services)
{
    /// <summary>How much content one frame of the check's files holds.</summary>
    internal const int PieceBytes = 32 * 1024;

    private const int ChangeAt = 1000;

    // RFC 8878: one byte, repeated as often as a block can hold.
    private const byte Repeated = (byte)'z';
    private const int BlockBytes = 128 * 1024, RepeatingBlock = 1 << 1, LastBlock = 1, BlockSizeAt = 3;

    private static ReadOnlySpan<byte> Change => "changed"u8;

    /// <summary>Null where all is well, else what is wrong.</summary>
    internal string? Run()
    {
        try
        {
            byte[] expected = Encoding.ASCII.GetBytes(
                string.Concat(
                    Enumerable.Range(0, PieceBytes).Select(static i => $"{(long)i * i} ")))[..(2 * PieceBytes)];
            using FileContent several = Open(NewFile(), expected[..PieceBytes], expected[PieceBytes..]),
                one = Open(NewFile(), expected);
            if (!Holds(several, expected) || !Holds(one, expected))
                return "what was compressed does not read back";
            using FileContent giant = Open(NewGiant(), map: null);
            byte[] first = new byte[PieceBytes];
            if (giant.Read(0, first) != first.Length || first.AsSpan().ContainsAnyExcept(Repeated))
                return "a frame too large for memory does not read back";
            // So small a file is changed in memory: nothing of this comes into the source.
            Change.CopyTo(expected.AsSpan(ChangeAt));
            if (one.Write(ChangeAt, Change) < 0)
                return null;
            FileDescriptor version = NewFile();
            if (new VersionWriter(services, one, yields: true)
                .Write(new StoredFileWriter(services, version), out FrameMap map) < 0)
            {
                version.Dispose();
                return null;
            }
            using FileContent changed = Open(version, map);
            return Holds(changed, expected) && Holds(one, expected) ? null : "what was changed does not read back";
        }
        catch (DamagedFrameException e)
        {
            return e.Message;
        }
        catch (StorageException)
        {
            return null; // no memory for a few kilobytes: the next request that needs some reports it
        }
    }

    private FileContent Open(FileDescriptor file, params ReadOnlySpan<byte[]> pieces)
    {
        var writer = new StoredFileWriter(services, file);
        foreach (byte[] piece in pieces)
            Require(writer.Append(piece));
        Require(writer.Finish(out _));
        return Open(file, map: null);
    }

    private FileContent Open(FileDescriptor file, FrameMap? map)
    {
        Require(SystemCallsAt.Stat(file, out Statx stat));
        return new FileContent(
            services, new Node(0, NodeKind.Stored), new StoredBase(services, file, stat, isFresh: false, map));
    }

    private static bool Holds(FileContent content, byte[] expected)
    {
        byte[] found = new byte[expected.Length + 1];
        return content.Read(0, found) == expected.Length && found.AsSpan(0, expected.Length).SequenceEqual(expected);
    }

    private static FileDescriptor NewFile()
    {
        Require(SystemCallsAt.CreateMemoryFile(new NativeName("zstdfs\0"u8), out FileDescriptor file));
        return file;
    }

    /// <summary>One frame in few bytes, so long that it has to be decoded as a stream.</summary>
    private FileDescriptor NewGiant()
    {
        int blocks = services.Cache.MaxFrameBytes / BlockBytes + 1;
        using var frame = new MemoryStream();
        using var writer = new BinaryWriter(frame);
        writer.Write(FrameHeader.Magic);
        writer.Write((byte)0b1010_0000); // four bytes say how much it holds, and all of that is the window
        writer.Write(blocks * BlockBytes);
        for (int block = 1; block <= blocks; block++)
        {
            int header = BlockBytes << BlockSizeAt | RepeatingBlock | (block == blocks ? LastBlock : 0);
            writer.Write((ushort)header);
            writer.Write((byte)(header >> 16));
            writer.Write(Repeated);
        }
        FileDescriptor file = NewFile();
        Require(SystemCallsFile.Write(file, 0, frame.ToArray()));
        return file;
    }

    private static void Require(int result)
    {
        if (result < 0)
            throw new StorageException("no memory for a small file", -result);
    }
}
