using ZstdFs.Core.Commits;
using ZstdFs.Core.Content;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// A source from its opening to its end: what earlier mounts left is put in order, then its file system serves it, and
/// a check runs beside.
/// </summary>
public sealed class ServedSource : IDisposable
{
    private readonly Volume _volume;
    private Task _check = Task.CompletedTask;

    private ServedSource(Volume volume, StateFolder? state)
    {
        _volume = volume;
        FileSystem = new ZstdFileSystem(volume, state);
    }

    /// <summary>What a mount serves.</summary>
    public ZstdFileSystem FileSystem { get; }

    /// <summary>Where nothing can be written although the options allow it: why.</summary>
    public Errno WhyReadOnly { get; private init; }

    /// <summary>Opens a source.</summary>
    /// <param name="root">
    /// The source's root folder, opened for reading before anything is mounted over it. This method takes it over.
    /// </param>
    /// <param name="options">How to serve it.</param>
    /// <param name="events">The log for what an operator should know.</param>
    /// <exception cref="SourceException">The source cannot be served.</exception>
    /// <exception cref="InodeStoreException">The inode store in the options cannot be opened.</exception>
    public static ServedSource Open(FileDescriptor root, FileSystemOptions options, IEventLog events)
    {
        var log = new BoundedLog(events, TimeProvider.System);
        var source = new SourceTree(root, options.ReadOnly);
        StateFolder? state = null;
        Volume? volume = null;
        // The file system that the source lies on is mounted read-only.
        Errno refusal = Errno.EROFS;
        try
        {
            LevelRules? rules = RulesFile.Load(source, options.RulesPath);
            options = MemoryShares.Apply(options);
            if (!source.ReadOnly)
            {
                state = StateFolder.TryOpen(source, out Errno reason);
                if (state is null)
                    refusal = reason;
                else if (!state.KeepsRecords)
                    log.Warning("the source keeps no user attributes (user.*): inode numbers last as long as this "
                        + "mount, and each close and fsync waits for its commit");
            }
            if (state is null)
                NameNewer(source, log);
            else
                // A conversion that was killed may have noted the root's times.
                RootTimes.Restore(source.Root);
            volume = new Volume(source, state, options, rules, InodeStoreChoice.Open(state, options, log), log);
            volume.PlainFiles.LookInto(source);
            if (state is not null)
                Recover(volume, state);
            else
                UnseenWrites.Tell(source, log);
            return new ServedSource(volume, state) { WhyReadOnly = refusal };
        }
        catch
        {
            volume?.Dispose();
            state?.Dispose();
            source.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A read-only mount finishes nothing. This names in the log what a newer zstdfs left and only that could finish.
    /// </summary>
    private static void NameNewer(SourceTree source, BoundedLog log)
    {
        if (source.OpenListing(source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder) < 0)
            return;
        using (folder)
        {
            _ = NewerRemains.Find(source, folder, out List<byte[]> newer);
            foreach (byte[] path in newer)
                log.Warning($"{NewerFormat.Text(path)}: what it tells is left out");
        }
    }

    /// <summary>
    /// Puts in order what earlier mounts and tools left. This comes before any write: a write to an old version would
    /// be in conflict with what they acknowledged.
    /// </summary>
    private static void Recover(Volume volume, StateFolder state)
    {
        int result = volume.NameJournal!.Recover();
        if (result < 0)
            throw new SourceException(SourceProblem.UnfinishedWrites,
                $"a rename that was interrupted could not be finished ({(Errno)(-result)}): mount again when that is "
                    + "mended");
        result = FileConverter.Recover(volume.Source, state);
        if (result < 0)
            throw new SourceException(SourceProblem.UnfinishedWrites,
                $"what an interrupted conversion left could not be put in order ({(Errno)(-result)}): mount again "
                    + "when that is mended");
        new Recovery(volume, state).Run();
    }

    /// <summary>
    /// Starts a check in the background, once the mount serves. The check sends data of its own the way that files go,
    /// so that a machine that damages them is reported at once.
    /// </summary>
    public void CheckItself() =>
        _check = Task.Factory.StartNew(
            Check, CancellationToken.None, TaskCreationOptions.None, _volume.Services.Background);

    private void Check()
    {
        try
        {
            if (new SelfCheck(_volume.Services).Run() is { } fault)
                _volume.Services.Log.Error(
                    $"{fault}: this machine's memory, or its libzstd, must not be trusted");
            new FirstVisit(FileSystem).Run();
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            // The first user who reads the damaged file gets the error.
        }
        catch (Exception e)
        {
            _volume.Services.Log.Unexpected("the first visit", e);
        }
    }

    /// <summary>As <see cref="ZstdFileSystem.Drain(out int)"/>, once the check is over.</summary>
    /// <param name="kept">How many files are left in working copies for the next mount.</param>
    public int Drain(out int kept)
    {
        // The check uses what is about to be closed.
        _check.Wait();
        return FileSystem.Drain(out kept);
    }

    /// <summary>After <see cref="Drain"/>.</summary>
    public void Dispose()
    {
        _check.Wait();
        FileSystem.Dispose();
    }
}
