using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>Removes <c>.zstdfs</c> where a source becomes a plain folder again.</summary>
internal static class StateRemoval
{
    /// <summary>
    /// Removes the folder. It stays where it holds a working copy or anything that this program does not know.
    /// </summary>
    internal static bool TryRemove(SourceTree source, FileDescriptor folder, FileDescriptor working)
    {
        if (DirectoryListing.Read(working, null, out DirectoryListing copies) < 0 || copies.Count > 0)
            return false;
        RemoveInodes(source, folder);
        _ = SystemCallsAt.Unlink(folder, FolderChanges.FileName);
        _ = SystemCallsAt.Unlink(folder, ClosedRecords.FileName);
        if (DirectoryListing.Read(folder, null, out DirectoryListing entries) < 0 || entries.Count != 3)
            return false;
        _ = SystemCallsAt.RemoveDirectory(folder, new NativeName("working\0"u8));
        _ = SystemCallsAt.Unlink(folder, new NativeName("state\0"u8));
        _ = SystemCallsAt.Unlink(folder, new NativeName("lock\0"u8));
        return SystemCallsAt.RemoveDirectory(source.Root, new NativeName(".zstdfs\0"u8)) >= 0;
    }

    /// <summary>The database is a cache, and no mount will ask it any more.</summary>
    private static void RemoveInodes(SourceTree source, FileDescriptor folder)
    {
        if (source.OpenListing(folder, StateFolder.InodesFolder, out FileDescriptor inodes) < 0)
            return;
        using (inodes)
        {
            if (DirectoryListing.Read(inodes, null, out DirectoryListing files) < 0)
                return;
            for (int i = 0; i < files.Count; i++)
                _ = SystemCallsAt.Unlink(inodes, files.Name(i));
        }
        _ = SystemCallsAt.RemoveDirectory(folder, StateFolder.InodesFolder);
    }
}
