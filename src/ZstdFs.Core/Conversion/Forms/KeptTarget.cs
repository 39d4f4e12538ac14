using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion.Forms;

/// <summary>Where a file has two forms: looks at the form that was chosen to stay, before the other one goes.</summary>
internal static class KeptTarget
{
    /// <summary>Throws <see cref="FileLeftException"/> where a stored file cannot be read to its end.</summary>
    internal static void RequireIntact(SourceTree source, StoredOriginals originals, ConversionKind kind, SwapJob job)
    {
        job.LogicalBytes = job.Stat.Size;
        SwapName name = job.Names[0];
        FileLeftException.Require(
            SystemCallsAt.Stat(name.Folder.Descriptor, name.TargetName, out Statx target),
            "looking at the form that stays");
        job.Kept = StoredIdentity.Of(target);
        if (kind == ConversionKind.Revert)
            return; // a plain file has nothing that could be checked
        FileLeftException.Require(
            source.OpenRead(name.Folder.Descriptor, name.TargetName, out FileDescriptor file),
            "opening the stored file");
        var kept = new SwapJob(job.Names, job.Stat) { Original = file };
        try
        {
            FileLeftException.Require(SystemCallsAt.Stat(file, out kept.Stat), "looking at the stored file");
            if (StoredIdentity.Of(kept.Stat) != job.Kept)
                throw new FileLeftException(LeftReason.Changed, "the stored file was replaced");
            originals.Open(kept);
            lock (originals.GiantGate)
                ReadAll(kept);
            job.ResultBytes = kept.Stat.Size;
        }
        finally
        {
            kept.CloseFiles();
        }
    }

    /// <summary>
    /// The last look before the other form goes. Throws where the form that stays is not the one that was read.
    /// </summary>
    internal static void RequireSame(SwapJob job)
    {
        if (job.Kept is not { } kept)
            return;
        foreach (SwapName name in job.Names)
        {
            FileLeftException.Require(
                SystemCallsAt.Stat(name.Folder.Descriptor, name.TargetName, out Statx stat),
                "looking at the form that stays");
            if (!stat.IsRegular || name == job.Names[0] && StoredIdentity.Of(stat) != kept)
                throw new FileLeftException(LeftReason.Changed, "the form that was to stay was changed");
        }
    }

    private static void ReadAll(SwapJob kept)
    {
        byte[] content = new byte[1024 * 1024];
        for (long offset = 0; offset < kept.LogicalBytes; offset += content.Length)
            StoredOriginals.Read(
                kept, offset, content.AsSpan(0, (int)Math.Min(content.Length, kept.LogicalBytes - offset)));
    }
}
