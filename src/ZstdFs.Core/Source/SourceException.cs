
namespace ZstdFs.Core.Source;

/// <summary>Why a source cannot be served.</summary>
public enum SourceProblem
{
    /// <summary>It is missing, not a folder, or not permitted.</summary>
    Unusable,
    /// <summary>Another daemon has it open for writing.</summary>
    InUse,
    /// <summary>What is in <c>.zstdfs</c> is damaged or of a newer version.</summary>
    DamagedState,
    /// <summary>A mount that died has left writes that the next mount has to finish.</summary>
    UnfinishedWrites,
}

/// <summary>The source cannot be served; the message says why and what to do, in one line.</summary>
public sealed class SourceException(SourceProblem problem, string message) : Exception(message)
{
    /// <summary>The kind of problem.</summary>
    public SourceProblem Problem { get; } = problem;

    /// <summary>The holder of the source, where the problem is <see cref="SourceProblem.InUse"/>.</summary>
    public LockHolder? Holder { get; init; }
}
