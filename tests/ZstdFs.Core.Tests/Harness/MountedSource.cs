using System.Diagnostics;
using System.Text;
using System.Text.Json;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Mounting;
using ZstdFs.Fuse.Mount;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Tests;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Harness;

/// <summary>A new folder, mounted for real and served by this process.</summary>
internal sealed class MountedSource : IDisposable, IEventLog
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly string _folder = Directory.CreateTempSubdirectory("zstdfs-test-").FullName;
    private readonly FileSystemOptions _options;
    private readonly InitFlags _withheld;
    private readonly List<string> _log = [];
    private FuseMount _mount = null!;
    private KernelConnection? _connection;
    private FuseSession _session = null!;
    private ZstdFileSystem _fileSystem = null!;

    /// <param name="options">How to mount.</param>
    /// <param name="prepare">A shell command that fills the source.</param>
    /// <param name="withheld">What the kernel is taken not to know.</param>
    internal MountedSource(FileSystemOptions? options = null, string? prepare = null, InitFlags withheld = 0)
    {
        (_options, _withheld) = (options ?? new FileSystemOptions(), withheld);
        Directory.CreateDirectory(Source);
        Directory.CreateDirectory(Mount);
        if (prepare is not null)
            Shell($"cd \"$SRC\"; {prepare}");
        try
        {
            Start();
        }
        catch
        {
            Directory.Delete(_folder, recursive: true);
            throw;
        }
    }

    internal string Source => Path.Combine(_folder, "source");

    internal string Mount => Path.Combine(_folder, "mount");

    internal IReadOnlyList<string> Log => _log;

    internal void Remount()
    {
        Stop();
        Start();
    }

    /// <summary>What `zstdfs sync` asks the daemon for.</summary>
    internal void Synchronize() =>
        Assert.That(_fileSystem.IoControl(default, 1, 0, 0, ControlCommands.Sync, 0, default, default), Is.Zero,
            "sync");

    /// <summary>What a mount does by itself once it serves.</summary>
    internal void Visit() => new FirstVisit(_fileSystem).Run();

    /// <summary>Opens the root's listing and closes it again. Returns how the kernel would treat it.</summary>
    internal OpenReplyFlags OpenListing()
    {
        Assert.That(_fileSystem.OpenDirectory(default, 1, 0, out FuseOpenOut reply), Is.Zero);
        _fileSystem.ReleaseDirectory(default, 1, reply.Handle);
        return reply.OpenFlags;
    }

    /// <summary>
    /// Runs a shell command with the mount as its folder; fails the test unless it exits with 0. Returns what it
    /// printed.
    /// </summary>
    internal string Shell(string command, int seconds = 240)
    {
        var start = new ProcessStartInfo("/bin/bash",
            ["-c", "set -euo pipefail; " + command]) { WorkingDirectory = Mount, RedirectStandardOutput = true,
                RedirectStandardError = true };
        start.Environment["SRC"] = Source;
        start.Environment["MNT"] = Mount;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(seconds)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"did not end in {seconds} s: {command}");
        }
        Assert.That(process.ExitCode, Is.Zero, $"{command}\n{output.Result}{errors.Result}\n{string.Join('\n', _log)}");
        return output.Result;
    }

    private void Start()
    {
        Assert.That(
            SystemCallsAt.Open(new NativeName(Encoding.UTF8.GetBytes(Source + "\0")),
                OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor root),
            Is.GreaterThanOrEqualTo(0));
        _fileSystem = ServedSource.Open(root, _options, this).FileSystem;
        _mount = FuseMount.Mount(Mount, new FuseMountOptions { Source = Source, AllowOther = true });
        _connection = KernelConnection.Of(Mount);
        _session = new FuseSession(_mount.Device, _fileSystem,
            new SessionOptions { ExportSupport = true, Withheld = _withheld, OnFailure = _fileSystem.ReportFailure });
        _session.Start();
        Assert.That(_session.WaitUntilServing(Patience), Is.True);
    }

    private void Stop()
    {
        long start = Stopwatch.GetTimestamp();
        int result = _mount.Unmount();
        while (result == -(int)Errno.EBUSY && Stopwatch.GetElapsedTime(start) < Patience)
        {
            Thread.Sleep(50);
            result = _mount.Unmount();
        }
        Assert.That(result, Is.Zero, "unmount");
        KernelConnection.Join(_session, _connection);
        _session.Dispose();
        Assert.That(_fileSystem.Drain(), Is.Zero, "drain");
        _mount.Device.Dispose();
        _fileSystem.Dispose();
        Assert.That(Log.Where(line => line.Contains(BoundedLog.UnexpectedWords, StringComparison.Ordinal)), Is.Empty);
    }

    /// <summary>
    /// An operation that ends in this exception. Returns how many the mount counts that it was not prepared for, and
    /// takes them out of the log.
    /// </summary>
    internal long Fail(Exception exception)
    {
        _fileSystem.ReportFailure(FuseOpcode.Read, 1, exception);
        byte[] status = new byte[ControlCommands.StatusBytes];
        Assert.That(_fileSystem.IoControl(default, 1, 0, 0, ControlCommands.Status, 0, default, status), Is.Zero);
        lock (_log)
            _log.RemoveAll(line => line.Contains(BoundedLog.UnexpectedWords, StringComparison.Ordinal));
        using JsonDocument json = JsonDocument.Parse(status.AsMemory(0, Array.IndexOf(status, (byte)0)));
        return json.RootElement.GetProperty("unexpected_failures").GetInt64();
    }

    public void Information(string message) => Add(message);

    public void Warning(string message) => Add(message);

    public void Error(string message) => Add(message);

    private void Add(string message)
    {
        lock (_log)
            _log.Add(message);
    }

    public void Dispose()
    {
        Stop();
        Directory.Delete(_folder, recursive: true);
    }
}
