using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// The append-only mark of a stored file. The source's kernel lets nobody replace or rewrite it, not even root. The
/// mark is about the content and not about the stored form, so a commit takes it off for its own steps. A note in the
/// working folder tells the next mount to give it back.
/// </summary>
internal static class AppendOnlyMark
{
    private const int LongestPath = 4096;

    /// <summary>The name of a file's note.</summary>
    internal static WorkingName NoteOf(ulong inodeNumber) => new(WorkingRole.AppendOnly, inodeNumber, 0, 0);

    /// <summary>Takes the mark off. 0 or −errno.</summary>
    /// <param name="state">Has the working folder.</param>
    /// <param name="node">The file.</param>
    /// <param name="stored">The stored file, open.</param>
    internal static int Lift(StateFolder state, Node node, FileDescriptor stored) =>
        Lift(state, node.Id, node.LogicalPath(), stored);

    /// <param name="state">Has the working folder.</param>
    /// <param name="inodeNumber">The file's number.</param>
    /// <param name="path">Its logical path, a hint for the next mount.</param>
    /// <param name="stored">The stored file, open.</param>
    internal static int Lift(StateFolder state, ulong inodeNumber, ReadOnlySpan<byte> path, FileDescriptor stored)
    {
        int result = Note(state, NoteOf(inodeNumber), path);
        // Two file systems reach the disk in any order.
        if (result >= 0 && (SystemCallsAt.Stat(stored, out Statx own) < 0
            || SystemCallsAt.Stat(state.Working, out Statx working) < 0 || own.Device != working.Device))
            result = SystemCallsFile.Synchronize(state.Working);
        if (result >= 0)
            result = InodeFlags.Get(stored, out uint flags) is < 0 and var unread
                ? unread : InodeFlags.Set(stored, flags & ~InodeFlags.AppendOnly);
        if (result < 0)
            Forget(state, inodeNumber);
        return result;
    }

    private static int Note(StateFolder state, WorkingName name, ReadOnlySpan<byte> path)
    {
        // The removal of an earlier note may be outstanding: it must not hit this one.
        state.KeepWorkingFile(name.Terminated());
        int result = state.CreateWorkingFile(name, out FileDescriptor note);
        if (result == -(int)Errno.EEXIST)
            return 0;
        if (result < 0)
            return result;
        using (note)
            _ = SystemCallsFile.Write(note, 0, path);
        return 0;
    }

    /// <summary>Gives the mark to a stored file. 0 or −errno.</summary>
    internal static int Set(FileDescriptor stored)
    {
        int result = InodeFlags.Get(stored, out uint flags);
        return result < 0 || (flags & InodeFlags.AppendOnly) != 0
            ? result : InodeFlags.Set(stored, flags | InodeFlags.AppendOnly);
    }

    /// <summary>Gives the mark back. Where that fails the note stays.</summary>
    internal static void PutBack(StateFolder state, ulong inodeNumber, FileDescriptor stored)
    {
        if (Set(stored) >= 0)
            Forget(state, inodeNumber);
    }

    /// <summary>The file has its mark.</summary>
    internal static void Forget(StateFolder state, ulong inodeNumber) =>
        _ = state.RemoveWorkingFile(NoteOf(inodeNumber).Terminated());

    /// <summary>Whether a commit of an earlier mount may have left the file without its mark.</summary>
    internal static bool IsNoted(StateFolder state, ulong inodeNumber) =>
        SystemCallsAt.Stat(state.Working, new NativeName(NoteOf(inodeNumber).Terminated()), out _) >= 0;

    /// <summary>The path that a note holds; empty where it holds none.</summary>
    internal static byte[] ReadPath(SourceTree source, StateFolder state, byte[] terminatedNote)
    {
        if (source.OpenRead(state.Working, new NativeName(terminatedNote), out FileDescriptor note) < 0)
            return [];
        using (note)
        {
            byte[] path = new byte[LongestPath];
            return path[..Math.Max(0, SystemCallsFile.Read(note, 0, path))];
        }
    }
}
