using System.Buffers.Binary;

namespace ZstdFs.Linux;

/// <summary>Extents that two files share (btrfs, xfs with reflink): a copy that writes nothing.</summary>
public static class FileClone
{
    /// <summary>Offsets and lengths are multiples of this, on every file system whose blocks are no larger.</summary>
    public const int BlockBytes = 4096;

    private const nuint CloneRangeCommand = 0x4020940D; // FICLONERANGE
    private const int CloneRangeBytes = 32; // struct file_clone_range

    /// <summary>
    /// Has the output's range share the input's extents. Returns 0 or −errno: −EOPNOTSUPP, −EXDEV or −EINVAL
    /// where the file system, or this pair of files or offsets, cannot.
    /// </summary>
    /// <param name="input">Where the extents are.</param>
    /// <param name="inputOffset">Offset in it.</param>
    /// <param name="output">What gets them; open for writing, and not only for appending.</param>
    /// <param name="outputOffset">Offset in it.</param>
    /// <param name="length">Length in bytes.</param>
    public static int Range(
        FileDescriptor input, long inputOffset, FileDescriptor output, long outputOffset, long length)
    {
        Span<byte> argument = stackalloc byte[CloneRangeBytes];
        using var held = new HeldDescriptor(input);
        BinaryPrimitives.WriteInt64LittleEndian(argument, held.Number);
        BinaryPrimitives.WriteInt64LittleEndian(argument[8..], inputOffset);
        BinaryPrimitives.WriteInt64LittleEndian(argument[16..], length);
        BinaryPrimitives.WriteInt64LittleEndian(argument[24..], outputOffset);
        return Math.Min(SystemCallsFile.IoControl(output, CloneRangeCommand, argument), 0);
    }

    /// <summary>A descriptor's number. It stays that file's until this is disposed.</summary>
    private readonly ref struct HeldDescriptor
    {
        private readonly FileDescriptor _descriptor;

        internal HeldDescriptor(FileDescriptor descriptor)
        {
            bool added = false;
            descriptor.DangerousAddRef(ref added);
            _descriptor = descriptor;
        }

        internal long Number => (long)_descriptor.DangerousGetHandle();

        public void Dispose() => _descriptor.DangerousRelease();
    }
}
