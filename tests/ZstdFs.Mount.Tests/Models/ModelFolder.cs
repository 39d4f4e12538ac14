using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace ZstdFs.Mount.Tests.Models;

/// <summary>Runs steps in one folder, mounted or plain, and says what each did.</summary>
internal sealed class ModelFolder(string root) : IDisposable
{
    private readonly int[] _handles = [-1, -1, -1, -1];

    private string At(string name) => Path.Combine(root, name);

    internal string Run(ModelStep step)
    {
        ref int handle = ref _handles[step.Handle];
        switch (step.Op)
        {
            case ModelOp.Open: return Open(ref handle, step.Name, 0);
            case ModelOp.OpenNew: return Open(ref handle, step.Name, NativeCalls.Create | NativeCalls.Exclusive);
            case ModelOp.OpenEmpty: return Open(ref handle, step.Name, NativeCalls.Create | NativeCalls.Truncate);
            case ModelOp.OpenAppending: return Open(ref handle, step.Name, NativeCalls.Create | NativeCalls.Append);
            case ModelOp.Close:
                int closed = handle < 0 ? 0 : NativeCalls.Close(handle);
                handle = -1;
                return Result(closed);
            case ModelOp.Write: return handle < 0 ? ""
                : Result(NativeCalls.Write(handle, Content(step), step.Length, step.Offset));
            case ModelOp.Read:
                byte[] read = new byte[step.Length];
                return handle < 0 ? ""
                    : $"{Result(NativeCalls.Read(handle, read, step.Length, step.Offset))} {Hash(read)}";
            case ModelOp.TruncateOpen: return handle < 0 ? "" : Result(NativeCalls.TruncateOpen(handle, step.Offset));
            case ModelOp.TruncateName: return Result(NativeCalls.TruncateName(At(step.Name), step.Offset));
            case ModelOp.Synchronize: return handle < 0 ? "" : Result(NativeCalls.Synchronize(handle));
            case ModelOp.Rename: return Result(NativeCalls.Rename(At(step.Name), At(step.Other)));
            case ModelOp.Link: return Result(NativeCalls.Link(At(step.Name), At(step.Other)));
            case ModelOp.Symlink: return Result(NativeCalls.Symlink("target", At(step.Name)));
            case ModelOp.Unlink: return Result(NativeCalls.Unlink(At(step.Name)));
            case ModelOp.MakeFolder: return Result(NativeCalls.MakeFolder(At(step.Name), 0b111_101_101));
            case ModelOp.RemoveFolder: return Result(NativeCalls.RemoveFolder(At(step.Name)));
            case ModelOp.ChangeMode: return Result(
                NativeCalls.ChangeMode(At(step.Name), 0b110_000_000 | (step.Seed & 0b111_111)));
            case ModelOp.List: return Directory.Exists(At(step.Name))
                ? string.Join(' ',
                    Directory.GetFileSystemEntries(At(step.Name)).Select(Path.GetFileName)
                        .Order(StringComparer.Ordinal))
                : "";
            case ModelOp.ReadAll: return Describe(step.Name);
            default: return "";
        }
    }

    private string Open(ref int handle, string name, int flags)
    {
        if (handle >= 0)
            _ = NativeCalls.Close(handle);
        handle = NativeCalls.Open(At(name), NativeCalls.ReadWrite | flags, 0b110_100_100);
        return handle < 0 ? Result(handle) : "open";
    }

    private static string Result(long result) => NativeCalls.Of(result).ToString(CultureInfo.InvariantCulture);

    private static byte[] Content(ModelStep step)
    {
        byte[] content = new byte[step.Length];
        if (step.Seed % 3 != 0)
            new Random(step.Seed).NextBytes(content.AsSpan(0, step.Length / 2));
        return content;
    }

    private static string Hash(byte[] content) => Convert.ToHexString(SHA256.HashData(content))[..12];

    /// <summary>Attributes of a name, and content where it is a file.</summary>
    internal string Describe(string name)
    {
        const int NoFollow = 0x100, AtCurrent = -100;
        byte[] stat = new byte[256];
        int result = NativeCalls.Stat(AtCurrent, At(name), NoFollow, 0x7FF, stat);
        if (result < 0)
            return Result(result);
        int mode = BinaryPrimitives.ReadUInt16LittleEndian(stat.AsSpan(28));
        string described = $"mode {mode:x} links {BinaryPrimitives.ReadUInt32LittleEndian(stat.AsSpan(16))}";
        return (mode & 0xF000) == 0x8000
            ? $"{described} size {BinaryPrimitives.ReadInt64LittleEndian(stat.AsSpan(40))} "
            + $"{Hash(File.ReadAllBytes(At(name)))}"
            : described;
    }

    /// <summary>Everything below, by name.</summary>
    internal string DescribeAll() =>
        string.Join('\n',
            Directory.EnumerateFileSystemEntries(root, "*", SearchOption.AllDirectories)
                .Select(p => Path.GetRelativePath(root, p)).Order(StringComparer.Ordinal)
                .Select(n => $"{n}: {Describe(n)}"));

    internal void CloseAll()
    {
        for (int i = 0; i < _handles.Length; i++)
        {
            if (_handles[i] >= 0)
                _ = NativeCalls.Close(_handles[i]);
            _handles[i] = -1;
        }
    }

    public void Dispose() => CloseAll();
}
