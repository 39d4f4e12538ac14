using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>Tells the log what is wrong with a stored file that was looked at.</summary>
internal sealed class InspectionReports(BoundedLog log)
{
    /// <summary>A file that cannot be decoded to its end.</summary>
    internal void Damaged(FileDescriptor file, NativeName name, in Statx stat, FrameDamage damage)
    {
        string what = damage.Cause is DamagedFrameException
            ? $"damaged at stored byte {damage.StoredOffset}: {damage.Reason}" : damage.Reason;
        string path = SourcePath.OfFile(file, name);
        log.Error($"{path}: {what}", "damage at its end", StoredIdentity.Of(stat).Version);
    }

    /// <summary>A record of a newer program.</summary>
    internal void Newer(FileDescriptor file, NativeName name, in Statx stat)
    {
        string what = NewerFormat.Text("its record (user.zstdfs)");
        string message = $"{SourcePath.OfFile(file, name)}: {what} (its inode number and its times are not known here, "
            + "and a write through this mount replaces the record)";
        log.Error(message, "newer record", StoredIdentity.Of(stat).Version);
    }
}
