using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>Opens the working copies that an earlier mount left.</summary>
internal static class LeftWorkingCopy
{
    private static string Text(WorkingName name) => Encoding.ASCII.GetString(name.Terminated().AsSpan()[..^1]);

    /// <inheritdoc cref="WorkingCopy.Open"/>
    internal static int Open(
        StorageServices services,
        StateFolder state,
        ReadOnlySpan<byte> terminatedName,
        out WorkingCopy copy,
        out long logicalBytes)
    {
        copy = null!;
        logicalBytes = 0;
        if (!WorkingName.TryParse(terminatedName[..^1], out WorkingName name))
            return -(int)Errno.EBADMSG;
        int result = services.Source.OpenWrite(state.Working, new NativeName(terminatedName), out FileDescriptor file);
        if (result < 0)
            return result;
        Span<byte> bytes = stackalloc byte[WorkingCopyRecord.Bytes];
        int length = ExtendedAttributes.Get(file, WorkingCopyRecord.AttributeName, bytes);
        result = SystemCallsAt.Stat(file, out Statx stat);
        if (PassingFault.Is(length))
            result = length;
        if (result < 0 || length < 0 || !WorkingCopyRecord.TryRead(bytes[..length], out WorkingCopyRecord record))
        {
            file.Dispose();
            return result < 0 ? result : -(int)(length == -(int)Errno.ENODATA ? Errno.ENODATA : Errno.EBADMSG);
        }
        logicalBytes = stat.Size;
        copy = new WorkingCopy(state, name, file, record) { LeftModifyTime = stat.ModifyTime.ToTimestamp() };
        // Blocks that a failing disk did not take count as holes already.
        result = SystemCallsFile.SynchronizeData(file);
        if (result < 0 && copy.MoveAsItIsToLost() >= 0)
        {
            string beginning = !record.HasEarlyFrames ? ""
                : $", and the beginning, compressed, as .zstdfs/lost/{Text(name.OfEarlyFrames())}";
            services.Log.Error("the disk did not take all of what was written before the last mount ended: "
                + $"what there is of it is kept as .zstdfs/lost/{Text(name)}{beginning}");
            result = WorkingCopy.IsLost;
        }
        if (result == 0)
            result = copy.LoadLeft(logicalBytes);
        if (result != 0)
            copy.Dispose();
        return result;
    }

    /// <summary>
    /// Reads only the record of a copy that an earlier mount left. False where there is none, or it cannot be read.
    /// </summary>
    internal static bool TryReadRecord(
        StorageServices services,
        StateFolder state,
        ReadOnlySpan<byte> terminatedName,
        out WorkingCopyRecord record)
    {
        record = default;
        if (services.Source.OpenRead(state.Working, new NativeName(terminatedName), out FileDescriptor file) < 0)
            return false;
        using (file)
        {
            Span<byte> bytes = stackalloc byte[WorkingCopyRecord.Bytes];
            int length = ExtendedAttributes.Get(file, WorkingCopyRecord.AttributeName, bytes);
            return length >= 0 && WorkingCopyRecord.TryRead(bytes[..length], out record);
        }
    }
}
