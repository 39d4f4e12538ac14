using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion.Forms;

/// <summary>A stored file is compressed anew, and stays the same logical file: it keeps its inode number.</summary>
internal sealed class RecompressedContent(
    SourceTree source, StateFolder state, StoredOriginals originals, ConversionOptions options, RateLimit rate)
    : StoredContent(source, state, options, rate)
{
    private readonly ConversionOptions _options = options;

    protected override void OpenContent(SwapJob job)
    {
        originals.Open(job);
        job.OriginalMap = job.Map;
    }

    internal override Lock? SequentialGate => originals.GiantGate;

    internal override bool IsSequential(SwapJob job) => StoredOriginals.HasGiants(job.OriginalMap!);

    internal override void Finish(Worker worker, SwapJob job)
    {
        base.Finish(worker, job);
        if (job.ResultBytes > job.Stat.Size * (1 - _options.IfSaves))
        {
            TriedLevel.Note(job.Original!, _options, job.Stat.Size, job.Stat.ModifyTime.ToTimestamp());
            // The note moved the change time, and users must not see that.
            if (job.Record is { } record)
            {
                SizeRecord kept = RecordOfOriginal(job, record) with { ChangeTime = record.ChangeTime };
                _ = SourceTree.WriteRecord(job.Original!, kept);
            }
            throw new FileLeftException(LeftReason.Incompressible);
        }
        TriedLevel.Note(job.Result!, _options, job.ResultBytes, job.Stat.ModifyTime.ToTimestamp());
    }

    private SizeRecord RecordOfOriginal(SwapJob job, in SizeRecord made)
    {
        if (!SourceTree.TryReadRecord(job.Original!, out SizeRecord own) || !IsOwn(own, job.Stat))
        {
            // A found file gets a record without a birth, and so stays a found one: a revert must not decode it.
            SwapName name = job.Names[0];
            bool isFound = FoundFiles.Contain(name.Folder.Descriptor, name.OriginalName, job.Stat, Given) != 0;
            return Devices.RecordFor(job.Stat, made.InodeNumber, job.LogicalBytes, isFound ? default : made.Birth)
                with { HasHoles = made.HasHoles };
        }
        return own.IsFresh ? own.Of(job.Stat.ModifyTime.ToTimestamp()) : own;
    }

    // Recompression is judged at its end: by the size of the old version, not by that of the content.
    internal override void RequireWorthwhile(Worker worker, SwapJob job) { }

    protected override (ulong Number, Timestamp Birth) NumberAndBirth(SwapJob job)
    {
        (ulong Number, Timestamp Birth) fresh = base.NumberAndBirth(job);
        int recorded = FileLeftException.Require(
            SourceTree.ReadRecord(job.Original!, out SizeRecord record), "reading its record");
        if (recorded == 0 || !IsOwn(record, job.Stat))
            return fresh;
        return (record.InodeNumber, record.Birth == default ? fresh.Birth : record.Birth);
    }

    protected override int NoteNames(SwapJob job) => FullNames.Copy(job.Original!, job.Result!);

    protected override void Read(SwapJob job, long offset, Span<byte> content) =>
        StoredOriginals.Read(job, offset, content);

    protected override bool IsHole(SwapJob job, long offset, int length) => false;
}
