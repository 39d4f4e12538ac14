using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// A source that a conversion works on: its lock is held, and the folder where the conversion begins is open, until it
/// is disposed of.
/// </summary>
internal sealed class ConvertedSource : IDisposable
{
    private ConvertedSource(SourceTree source, StateFolder state, SourceFolder start, bool wasSource)
    {
        (Source, State, Start, WasSource) = (source, state, start, wasSource);
    }

    /// <summary>The tree.</summary>
    internal SourceTree Source { get; }

    /// <summary>Its folder <c>.zstdfs</c>, with the lock.</summary>
    internal StateFolder State { get; }

    /// <summary>The folder below which files are converted.</summary>
    internal SourceFolder Start { get; }

    /// <summary>It was a source before this conversion opened it.</summary>
    internal bool WasSource { get; }

    /// <summary>Takes the source's lock.</summary>
    /// <param name="root">The source's root, open for reading; taken over.</param>
    /// <param name="folder">Path of the folder below it, empty for the root.</param>
    /// <param name="options">What is to be done.</param>
    /// <exception cref="SourceException">The source is in use, cannot be written, or has unfinished writes.</exception>
    internal static ConvertedSource Open(FileDescriptor root, ReadOnlySpan<byte> folder, ConversionOptions options)
    {
        var source = new SourceTree(root, readOnly: false);
        StateFolder? state = null;
        FileDescriptor? start = null;
        try
        {
            bool wasSource = IsSource(source);
            // A killed run may have made no more than the folder: the root's times still are as it noted them.
            bool begins = options.Kind == ConversionKind.Convert && (!wasSource || RootTimes.AreHeld(source.Root));
            state = TryOpenState(source, begins, out Errno reason)
                ?? throw new SourceException(SourceProblem.Unusable, "it " + ReadOnlyReason.Text(reason));
            // A conversion that touches only plain files does not disturb the unfinished writes of a mount.
            bool touchesStored = options.Kind != ConversionKind.Convert
                || options.Existing == ExistingChoice.Wrap
                || options.OnConflict != ConflictChoice.Skip;
            if (touchesStored && UnfinishedWrites.Any(state))
                throw new SourceException(
                    SourceProblem.UnfinishedWrites,
                    "a mount that died has left writes unfinished there; mount it and unmount it, "
                    + "then run this again");
            start = JournalRecovery.OpenFolder(source, folder);
            if (start is null || SystemCallsAt.Stat(start, out Statx stat) < 0)
                throw new SourceException(SourceProblem.Unusable, "the folder cannot be read");
            if (options.Existing == ExistingChoice.Wrap && !state.KeepsRecords)
                throw new SourceException(SourceProblem.Unusable,
                    "its file system keeps no extended attributes, and without them .zst files that were there cannot "
                    + "be told from converted ones");
            return new ConvertedSource(source, state, new SourceFolder(start, folder.ToArray(), stat), wasSource);
        }
        catch
        {
            start?.Dispose();
            state?.Dispose();
            source.Dispose();
            throw;
        }
    }

    private static bool IsSource(SourceTree source) =>
        SystemCallsAt.Stat(source.Root, new NativeName(".zstdfs\0"u8), out _) >= 0;

    private static StateFolder? TryOpenState(SourceTree source, bool begins, out Errno reason)
    {
        reason = Errno.EROFS;
        if (source.ReadOnly)
            return null;
        // Only the first opening of a source changes its root: it makes .zstdfs there.
        if (!IsSource(source))
            RootTimes.Hold(source.Root);
        try
        {
            return StateFolder.TryOpen(source, out reason, begins);
        }
        finally
        {
            RootTimes.Restore(source.Root);
        }
    }

    /// <summary>The source is a plain folder again.</summary>
    internal void RemoveState()
    {
        RootTimes.Hold(Source.Root);
        _ = State.TryRemove();
        RootTimes.Restore(Source.Root);
    }

    /// <summary>Lets go of the source.</summary>
    public void Dispose()
    {
        Start.Release();
        State.Dispose();
        Source.Dispose();
    }
}
