using System.Text.Json;
using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Recovering;

/// <summary>
/// A file system used without the kernel: each call's answer is what a program on a mount would be told. Files are in
/// the root.
/// </summary>
internal sealed class DirectUse(ZstdFileSystem fileSystem)
{
    private const ulong Root = 1;

    /// <summary>An open file: its node and its handle.</summary>
    internal readonly record struct Handle(ulong Node, ulong Number);

    internal Handle Create(string name)
    {
        Succeed(
            fileSystem.Create(default, Root, Native(name), OpenFlags.ReadWrite, 0b110_100_100, 0,
                out FuseEntryOut entry, out FuseOpenOut open),
            $"create of {name}");
        return new Handle(entry.NodeId, open.Handle);
    }

    internal Handle Open(string name, int flags)
    {
        Succeed(fileSystem.Lookup(default, Root, Native(name), out FuseEntryOut entry), $"lookup of {name}");
        Succeed(fileSystem.Open(default, entry.NodeId, flags, false, out FuseOpenOut open), $"open of {name}");
        return new Handle(entry.NodeId, open.Handle);
    }

    internal void Link(string name, string other)
    {
        Succeed(fileSystem.Lookup(default, Root, Native(name), out FuseEntryOut entry), $"lookup of {name}");
        Succeed(fileSystem.Link(default, entry.NodeId, Root, Native(other), out _), $"link to {name}");
    }

    internal int Write(Handle file, long offset, ReadOnlySpan<byte> data)
    {
        const int RequestBytes = 1024 * 1024;
        int result = 0;
        for (int at = 0; at < data.Length && result >= 0; at += RequestBytes)
            result = fileSystem.Write(default, file.Node, file.Number, offset + at,
                data.Slice(at, Math.Min(RequestBytes, data.Length - at)), WriteFlags.None, 0);
        return Math.Min(result, 0);
    }

    internal int Truncate(Handle file, long bytes)
    {
        var change = new FuseSetattrIn { Valid = SetattrValid.Size | SetattrValid.Handle, Handle = file.Number,
            Size = (ulong)bytes };
        return fileSystem.SetAttributes(default, file.Node, change, out _);
    }

    internal int Synchronize(Handle file) => fileSystem.Synchronize(default, file.Node, file.Number, false);

    /// <summary>close(2): what the program is told of it.</summary>
    internal int Close(Handle file)
    {
        int result = fileSystem.Flush(default, file.Node, file.Number, 0);
        fileSystem.Release(default, file.Node, file.Number, 0);
        return result;
    }

    internal void Save(string name, byte[] content)
    {
        Handle file = Create(name);
        Succeed(Write(file, 0, content), $"write to {name}");
        Succeed(Close(file), $"close of {name}");
    }

    /// <summary>Content, or −errno.</summary>
    internal int Read(string name, Span<byte> content)
    {
        Handle file = Open(name, OpenFlags.ReadOnly);
        int done = 0, count = 1;
        for (; done < content.Length && count > 0; done += Math.Max(0, count))
            count = fileSystem.Read(default, file.Node, file.Number, done,
                content.Slice(done, Math.Min(128 * 1024, content.Length - done)));
        fileSystem.Release(default, file.Node, file.Number, 0);
        return count < 0 ? count : done;
    }

    internal byte[] ReadAll(string name, int length)
    {
        byte[] content = new byte[length + 1];
        return content[..Succeed(Read(name, content), $"read of {name}")];
    }

    internal int SynchronizeAll() =>
        fileSystem.IoControl(default, Root, 0, 0, ControlCommands.Sync, 0, default, default);

    /// <summary>What <c>zstdfs status</c> is told.</summary>
    internal JsonElement Status()
    {
        byte[] status = new byte[ControlCommands.StatusBytes];
        Succeed(fileSystem.IoControl(default, Root, 0, 0, ControlCommands.Status, 0, default, status), "status");
        return JsonDocument.Parse(status.AsMemory(0, Array.IndexOf(status, (byte)0))).RootElement;
    }

    private static NativeName Native(string name) => new(Ext4.Native(name));

    private static int Succeed(int result, string what)
    {
        Assert.That(result, Is.GreaterThanOrEqualTo(0), () => $"{what}: {(Errno)(-result)}");
        return result;
    }
}
