using NUnit.Framework.Interfaces;

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>How a test wants its mount.</summary>
internal sealed record MountSetup
{
    /// <summary>Further words of <c>zstdfs mount</c>.</summary>
    internal IReadOnlyList<string> Options { get; init; } = [];
    /// <summary>Who mounts, and owns source and mount point.</summary>
    internal ShellUser User { get; init; }
    /// <summary>
    /// An existing folder to make the source in, such as a <see cref="LoopImage"/>'s; null for the usual place.
    /// </summary>
    internal string? SourceParent { get; init; }
    /// <summary>The mount point is the source itself.</summary>
    internal bool OverSource { get; init; }
}

/// <summary>A source and its mount by the real program. Always cleaned up, hung or not.</summary>
internal sealed class MountedFolder : IDisposable
{
    private readonly string _folder;
    private readonly MountSetup _setup;
    private readonly List<string> _earlierLogs = [];
    private Daemon? _daemon;

    private MountedFolder(MountSetup setup)
    {
        _setup = setup;
        _folder = TestMachine.CreateFolder();
        Source = Path.Combine(setup.SourceParent ?? _folder, "source");
        Mount = setup.OverSource ? Source : Path.Combine(_folder, "mount");
        Directory.CreateDirectory(Source);
        Directory.CreateDirectory(Mount);
        if (setup.User == ShellUser.Ordinary)
            Shell.Get($"chown 65534:65534 '{Source}' '{Mount}'");
    }

    /// <summary>
    /// The folder of .zst files; below the mount itself, and so out of reach, where it was mounted over the source.
    /// </summary>
    internal string Source { get; }

    /// <summary>The folder that shows plain files.</summary>
    internal string Mount { get; }

    /// <summary>What all daemons so far have said.</summary>
    internal string Log => string.Concat(_earlierLogs) + _daemon?.Log;

    /// <summary>The daemon; started by <see cref="Start"/>.</summary>
    internal Daemon Daemon => _daemon ?? throw new InvalidOperationException("not mounted");

    /// <summary>Makes both folders, runs <paramref name="prepare"/> on the source and mounts it.</summary>
    internal static MountedFolder Create(MountSetup? setup = null, Action<string>? prepare = null)
    {
        MountedFolder folder = Prepared(setup);
        try
        {
            prepare?.Invoke(folder.Source);
            folder.Start();
            return folder;
        }
        catch
        {
            Console.Error.WriteLine(folder.Log);
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Makes both folders without mounting.</summary>
    internal static MountedFolder Prepared(MountSetup? setup = null)
    {
        TestMachine.RequireMounts();
        if (setup?.User == ShellUser.Ordinary)
            TestMachine.RequireRoot("becoming an ordinary user");
        return new MountedFolder(setup ?? new MountSetup());
    }

    /// <summary>Mounts in the foreground of a child process and waits until the mount serves.</summary>
    internal void Start()
    {
        Keep();
        _daemon = new Daemon([TestMachine.Program(_setup.User), "mount", "-f", .. _setup.Options, Source, Mount],
            _setup.User);
        Assert.That(_daemon.WaitUntilServing(), () => $"the mount does not serve\n{Log}");
    }

    /// <summary>Starts a daemon and kills it after a while, whatever it had come to.</summary>
    internal void StartAndKill(TimeSpan after)
    {
        _daemon = new Daemon([TestMachine.Program(_setup.User), "mount", "-f", .. _setup.Options, Source, Mount],
            _setup.User);
        Thread.Sleep(after);
        Daemon.Kill();
        MountCleanup.Remove(Mount, _daemon);
        Keep();
    }

    /// <summary>Runs <c>zstdfs</c> as the mount's user.</summary>
    internal ShellResult Program(params string[] words) =>
        Shell.Run([TestMachine.Program(_setup.User), .. words], user: _setup.User);

    /// <summary><c>zstdfs unmount</c>, which must succeed, and the end of the daemon.</summary>
    internal void Unmount()
    {
        ShellResult result = Program("unmount", Mount);
        Assert.That(result.ExitCode, Is.Zero, () => $"unmount: {result}\n{Log}");
        Assert.That(Daemon.WaitForEnd(), Is.Zero, () => Log);
        Keep();
    }

    /// <summary>Unmounts and mounts again.</summary>
    internal void Remount()
    {
        Unmount();
        Start();
    }

    /// <summary>
    /// Kills the daemon without warning and takes the dead mount away; <see cref="Start"/> mounts again.
    /// </summary>
    internal void Crash()
    {
        Kill();
        Shell.Get($"umount '{Mount}' 2>/dev/null || fusermount3 -u '{Mount}'");
        Keep();
    }

    /// <summary>Kills the daemon without warning; the dead mount stays.</summary>
    internal void Kill() => Daemon.Kill();

    public void Dispose()
    {
        if (TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Failed)
            TestContext.Out.WriteLine($"The mount's log:\n{Log}");
        MountCleanup.Remove(Mount, _daemon);
        Keep();
        Shell.Run($"chmod -R u+rwX '{_folder}' 2>/dev/null; rm -rf --one-file-system -- '{_folder}' '{Source}'");
    }

    private void Keep()
    {
        if (_daemon is null)
            return;
        _earlierLogs.Add(_daemon.Log);
        _daemon.Dispose();
        _daemon = null;
    }
}
