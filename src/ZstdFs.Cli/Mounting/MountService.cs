using ZstdFs.Cli.Logging;
using ZstdFs.Cli.Options;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>One mount from its checks to its end, in the process that serves it.</summary>
internal sealed class MountService(string source, string mountPoint, MountOptions options, EventLog log, StartReport report)
{
    private volatile bool _served;

    /// <summary>Returns when the mount is gone and everything is committed.</summary>
    internal ExitCode Run()
    {
        NativeAllocator.KeepLittle();
        using MountPreflight checkedFolders = MountPreflight.Check(source, mountPoint, options);
        Folder from = checkedFolders.Source, onto = checkedFolders.MountPoint;
        // A signal that comes while the mount is being made must end it too.
        using var ending = new EndingSignals(onto.Path, log);
        using ZstdFileSystem fileSystem = Open(from);
        if (fileSystem.ReadOnly && !options.FileSystem.ReadOnly)
            log.Warning($"source '{from.Text}' cannot be written by this user: mounted read-only");
        using (KernelMount mount = KernelMount.Create(onto, NativeText.Printable(from.PathText), options, fileSystem.ReadOnly))
        {
            // The daemon must not keep another file system busy by standing in it, nor its own mount by holding the mount point.
            onto.Dispose();
            Directory.SetCurrentDirectory("/");
            ending.MountIsMade();
            mount.Run(fileSystem, log, () => NoteServing(fileSystem, from, onto));
        }
        ExitCode code = Drain(fileSystem, from);
        return _served || ending.WasAsked
            ? code
            : throw new CommandFailure(ExitCode.FuseUnavailable, $"the mount on '{onto.Text}' ended before it served: the kernel's FUSE may be too old, 'dmesg' may tell");
    }

    private void NoteServing(ZstdFileSystem fileSystem, Folder from, Folder onto)
    {
        _served = true;
        KernelReadahead.Raise(onto.Path, options.FileSystem.FrameBytes);
        report.Serving(); // first: to the user who waits, success is silent
        log.Information($"'{from.Text}' is mounted on '{onto.Text}'{(fileSystem.ReadOnly ? ", read-only" : "")}");
        fileSystem.CheckItself();
    }

    private ZstdFileSystem Open(Folder from)
    {
        try
        {
            return ZstdFileSystem.Open(from.Handle, options.FileSystem, log);
        }
        catch (InodeStoreException e)
        {
            throw new CommandFailure(e.IsInUse ? ExitCode.Busy : ExitCode.Failure, e.Message);
        }
        catch (SourceException e)
        {
            throw new CommandFailure(e.Problem == SourceProblem.InUse ? ExitCode.Busy : ExitCode.SourceUnusable, $"source '{from.Text}': {e.Message}");
        }
    }

    private ExitCode Drain(ZstdFileSystem fileSystem, Folder from)
    {
        int result = fileSystem.Drain();
        if (result >= 0)
        {
            log.Information($"unmounted; everything is committed to '{from.Text}'");
            return ExitCode.Success;
        }
        log.Error($"unmounted, but not everything could be committed to '{from.Text}' ({(Errno)(-result)}): what is left is kept there, and the next mount goes on with it");
        return ExitCode.NotCommitted;
    }
}
