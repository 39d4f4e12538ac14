using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Gives folders back the times that they had before files were converted in them, or before they got another name. No
/// program can set a change time, so it notes for the mount which change time to show. Thread-safe.
/// </summary>
internal sealed class FolderTimes(SourceTree source, StateFolder state) : IDisposable
{
    private const ulong RootNumber = 1;

    private readonly Lock _gate = new(); // guards what follows
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
        lock (_gate)
            _changes.Note(RootNumber, stat, Shown(RootNumber, source.RootStat));
    }

    /// <summary>Sets a folder's times back.</summary>
    internal void Restore(SourceFolder folder)
    {
        // A mount gives the root this number.
        ulong number = folder.IsRoot ? RootNumber : source.Devices.NumberOf(folder.Stat);
        lock (_gate)
        {
            Timestamp shown = Shown(number, folder.Stat);
            _ = SystemCallsFile.SetTimes(
                folder.Descriptor, folder.Stat.AccessTime.ToTimestamp(), folder.Stat.ModifyTime.ToTimestamp());
            if (SystemCallsAt.Stat(folder.Descriptor, out Statx stat) >= 0)
                _changes.Note(number, stat, shown);
        }
    }

    /// <summary>
    /// Gives a folder, symlink or special file its escaped name (<see cref="SourceNames.MakeRoom"/>). To users neither
    /// the folder around it changes, nor it where it is a folder.
    /// </summary>
    internal bool MakeRoom(SourceFolder around, NativeName name)
    {
        if (SystemCallsAt.Stat(around.Descriptor, name, out Statx before) < 0
            || !SourceNames.MakeRoom(around.Descriptor, name))
            return false;
        NativeName escaped = StoredName.OfNode(name.Bytes, stackalloc byte[StoredName.BufferBytes]);
        // Only of folders is it kept what change time users see.
        if (SystemCallsAt.Stat(around.Descriptor, escaped, out Statx after) >= 0
            && after.IsDirectory && after.InodeNumber == before.InodeNumber)
        {
            source.Devices.Learn(around.Descriptor, escaped, after);
            ulong number = source.Devices.NumberOf(after);
            lock (_gate)
                _changes.Note(number, after, Shown(number, before));
        }
        Restore(around);
        return true;
    }

    private Timestamp Shown(ulong number, in Statx before) =>
        _shown.TryGetValue(number, out Timestamp shown) ? shown : _shown[number] = _changes.Of(number, before);

    public void Dispose() => _changes.Dispose();
}
