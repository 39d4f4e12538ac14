using System.Buffers.Binary;
using ZstdFs.Core.Callers;
using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>ioctl(2): flags of files, and what the program's own commands ask the daemon for.</summary>
internal sealed class ControlOperations(Volume volume, SyncOperations syncs, InodeFlagOperations flags)
{
    /// <summary>Returns 0 or −errno.</summary>
    internal int Run(
        in RequestContext context, ulong node, uint command, ReadOnlySpan<byte> input, Span<byte> output)
    {
        switch (command)
        {
            case ControlCommands.Identity when output.Length >= 2 * sizeof(uint):
                BinaryPrimitives.WriteInt32LittleEndian(output, Environment.ProcessId);
                BinaryPrimitives.WriteUInt32LittleEndian(output[sizeof(uint)..], 1);
                return 0;
            case InodeFlags.GetCommand:
                return flags.Get(node, output);
            case InodeFlags.GetExtendedCommand:
                return flags.GetExtended(node, output);
            case InodeFlags.SetCommand:
                return flags.Set(node, input);
            case InodeFlags.SetExtendedCommand:
                return flags.SetExtended(node, input);
            case ControlCommands.Sync:
                if (volume.IsReadOnly)
                    return 0;
                syncs.FetchMapped();
                return syncs.SynchronizeAll(openToo: true);
            // The answer names files that the caller may have no right to know of.
            case ControlCommands.Status when !Caller.MayAskForStatus(context):
                return -(int)Errno.EPERM;
            case ControlCommands.Status when output.Length >= ControlCommands.StatusBytes:
                MountStatus.Write(volume, output);
                return 0;
            case ControlCommands.MountFlags when !Caller.MayAskForStatus(context):
                return -(int)Errno.EPERM;
            case ControlCommands.MountFlags when input.Length >= sizeof(ulong):
                volume.AccessTimes.NoteMountFlags(BinaryPrimitives.ReadUInt64LittleEndian(input));
                return 0;
            default:
                return -(int)Errno.ENOTTY;
        }
    }
}
