using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Gives folders back the times that they had before files were converted in them. No program can set a change time, so
/// it notes for the mount which change time to show. Only the pipeline's thread uses it while the pipeline runs.
/// </summary>
internal sealed class FolderTimes(SourceTree source, StateFolder state) : IDisposable
{
    private const ulong RootNumber = 1;

    private readonly FolderChanges _changes = new(source, state.Folder, readOnly: false);

    // What users saw before the first change, by the folder's number.
    private readonly Dictionary<ulong, Timestamp> _shown = [];

    /// <summary>Where <c>.zstdfs</c> was just made in the root: keeps the root's change time for users.</summary>
    internal void NoteRoot()
    {
        if (SystemCallsAt.Stat(source.Root, out Statx stat) < 0
            || stat.ModifyTime.ToTimestamp() != source.RootStat.ModifyTime.ToTimestamp()
            || stat.ChangeTime.ToTimestamp() == source.RootStat.ChangeTime.ToTimestamp())
            return;
        _shown[RootNumber] = _changes.Of(RootNumber, source.RootStat);
        _changes.Note(RootNumber, stat, _shown[RootNumber]);
    }

    /// <summary>Sets a folder's times back.</summary>
    internal void Restore(SourceFolder folder)
    {
        // A mount gives the root this number.
        ulong number = folder.IsRoot ? RootNumber : source.Devices.NumberOf(folder.Stat);
        if (!_shown.TryGetValue(number, out Timestamp shown))
            _shown[number] = shown = _changes.Of(number, folder.Stat);
        _ = SystemCallsFile.SetTimes(
            folder.Descriptor, folder.Stat.AccessTime.ToTimestamp(), folder.Stat.ModifyTime.ToTimestamp());
        if (SystemCallsAt.Stat(folder.Descriptor, out Statx stat) >= 0)
            _changes.Note(number, stat, shown);
    }

    public void Dispose() => _changes.Dispose();
}
