using System.Runtime.InteropServices;
using ZstdFs.Cli.Logging;
using ZstdFs.Cli.Options;
using ZstdFs.Core;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Mounting;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>One mount from its checks to its end, in the process that serves it.</summary>
internal sealed class MountService(
    string source, string mountPoint, MountOptions options, EventLog log, StartReport report)
{
    private const int SizeLimitSignal = 25; // SIGXFSZ

    private volatile bool _served;

    /// <summary>Returns when the mount is gone and everything is committed.</summary>
    internal ExitCode Run()
    {
        NativeAllocator.KeepLittle();
        // Where a limit of file sizes came with the caller, a write past it must fail and not end the daemon.
        using var tooLarge = PosixSignalRegistration.Create(
            (PosixSignal)SizeLimitSignal, static signal => signal.Cancel = true);
        // An unhandled exception ends the daemon. .NET names it on standard error, which leads nowhere in the
        // background unless there is a log file.
        AppDomain.CurrentDomain.UnhandledException += (_, e) => log.Error($"the daemon fails: {e.ExceptionObject}");
        using MountPreflight checkedFolders = MountPreflight.Check(source, mountPoint, options);
        Folder from = checkedFolders.Source, onto = checkedFolders.MountPoint;
        // A signal that comes while the mount is being made must end it too.
        using var ending = new EndingSignals(onto.Path, log);
        using ServedSource served = Open(from, ending);
        ZstdFileSystem fileSystem = served.FileSystem;
        // The last look before the mount: opening may have taken long, and a user who ended the command wants no mount.
        if (!report.IsAwaited)
            throw ToldToEnd(from);
        if (fileSystem.ReadOnly && !options.FileSystem.ReadOnly)
            log.Warning($"source '{from.Text}' {ReadOnlyReason.Text(served.WhyReadOnly)}: mounted read-only");
        using (KernelMount mount =
            KernelMount.Create(onto, NativeText.Printable(from.PathText), options, fileSystem.ReadOnly))
        {
            // The daemon must not keep another file system busy by its working folder, nor its own mount by the open
            // mount point.
            onto.Dispose();
            Directory.SetCurrentDirectory("/");
            if (ending.MountIsMade() is { } device)
                fileSystem.NoteMounted(device);
            mount.Run(fileSystem, log, () => NoteServing(served, from, onto));
        }
        ExitCode code = Drain(served, from);
        return _served || ending.WasAsked
            ? code
            : throw new CommandFailure(ExitCode.FuseUnavailable,
            $"the mount on '{onto.Text}' ended before it served: the kernel's FUSE may be too old, 'dmesg' may tell");
    }

    private void NoteServing(ServedSource served, Folder from, Folder onto)
    {
        _served = true;
        KernelReadahead.Raise(onto.Path, options.FileSystem.FrameBytes);
        // Before the log's line, which must not reach the user who waits: to that user, success is silent.
        report.Serving();
        log.Information($"'{from.Text}' is mounted on "
            + $"'{onto.Text}'{(served.FileSystem.ReadOnly ? ", read-only" : "")}; codec: "
            + $"{CodecName.Of(options.FileSystem.Codec)}");
        served.CheckItself();
    }

    private ServedSource Open(Folder from, EndingSignals ending)
    {
        string? wayOut = options.FileSystem.ReadOnly ? null : ", or mount with -o ro";
        var last = new LastDaemon(from.Text, options.Wait, log, wayOut);
        while (true)
        {
            if (TryOpen(from, last) is { } served)
                return served;
            last.Await();
            // Checked before each further attempt, too: an attempt could recover the whole source.
            if (ending.WasAsked || !report.IsAwaited)
                throw ToldToEnd(from);
        }
    }

    private static CommandFailure ToldToEnd(Folder from) =>
        new(ExitCode.Busy, $"source '{from.Text}' was not free yet when this mount was told to end");

    /// <summary>Null where the source's last daemon is about to let go of it.</summary>
    private ServedSource? TryOpen(Folder from, LastDaemon last)
    {
        // A read-only mount takes no lock, but must not show files as they were before their last writer closed them.
        if (options.FileSystem.ReadOnly && LockHolder.Find(from.Handle) is { } storing && last.IsEnding(storing))
            return null;
        // The file system takes the descriptor over, and closes it also where the source cannot be opened.
        int result = SystemCallsAt.Open(
            from.Handle, new NativeName(".\0"u8), OpenFlags.ReadOnly | OpenFlags.Directory, 0,
            out FileDescriptor root);
        if (result < 0)
            throw new CommandFailure(ExitCode.SourceUnusable, $"source '{from.Text}': {(Errno)(-result)}");
        FileSystemOptions asked = options.FileSystem with { MountedWith = options.Given };
        if (asked.HasStrictAccessTimes)
            asked = asked with { HasStrictAccessTimes = TryBeStrict(ref root) };
        try
        {
            return ServedSource.Open(root, asked, log);
        }
        catch (InodeStoreException e)
        {
            throw new CommandFailure(e.IsInUse ? ExitCode.Busy : ExitCode.Failure, e.Message);
        }
        catch (SourceException e)
        {
            // Not in a filter, which would swallow what IsEnding throws.
            if (e.Holder is { } holder && last.IsEnding(holder))
                return null;
            throw new CommandFailure(
                e.Problem == SourceProblem.InUse ? ExitCode.Busy : ExitCode.SourceUnusable,
                $"source '{from.Text}': {e.Message}");
        }
    }

    // The options of the mount that the source lies on decide when a read moves an access time. Most mounts have
    // relatime.
    private bool TryBeStrict(ref FileDescriptor root)
    {
        int result = MountCalls.WithStrictAccessTimes(root, withMountsBelow: true, out FileDescriptor strict);
        if (result < 0)
        {
            log.Warning($"strictatime needs root's rights over mounts ({(Errno)(-result)}): access times move as with "
                + "relatime");
            return false;
        }
        root.Dispose();
        root = strict;
        return true;
    }

    private ExitCode Drain(ServedSource served, Folder from)
    {
        int result = served.Drain(out int kept);
        if (result >= 0)
        {
            log.Information($"unmounted; everything is committed to '{from.Text}'");
            return ExitCode.Success;
        }
        log.Error($"unmounted, but not everything could be committed to '{from.Text}' ({(Errno)(-result)}): "
            + (kept > 0
                ? $"what was written to {kept} files is kept there, and the next mount goes on with it"
                : "the lines above say what"));
        return ExitCode.NotCommitted;
    }
}
