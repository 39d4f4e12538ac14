using NUnit.Framework.Interfaces;

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>Where a test works.</summary>
internal enum Ground
{
    /// <summary>An ordinary folder: the control, which shows that the test expects what Linux does.</summary>
    Plain,
    /// <summary>A mount by the real program.</summary>
    Mount,
}

/// <summary>Tests of what must be the same on a mount as in an ordinary folder; each runs on both.</summary>
[TestFixture(Ground.Plain)]
[TestFixture(Ground.Mount)]
internal abstract class GroundTests(Ground ground)
{
    private MountedFolder? _mounted;

    /// <summary>The empty folder to work in.</summary>
    protected string Folder { get; private set; } = "";

    /// <summary>An ordinary folder beside it, in scripts <c>$outside</c>.</summary>
    protected string Outside { get; private set; } = "";

    /// <summary>Whether this is the mount and not the control.</summary>
    protected bool OnMount => ground == Ground.Mount;

    /// <summary>The mount; only where <see cref="OnMount"/>.</summary>
    protected MountedFolder Mounted => _mounted ?? throw new InvalidOperationException("this is the control: nothing is mounted");

    [SetUp]
    public void PrepareGround()
    {
        Outside = TestMachine.CreateFolder();
        if (OnMount)
            _mounted = MountedFolder.Create();
        Folder = _mounted?.Mount ?? Directory.CreateDirectory(Path.Combine(Outside, "ground")).FullName;
    }

    [TearDown]
    public void LeaveGround()
    {
        bool passed = TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Passed;
        if (passed && _mounted is not null)
            _mounted.Unmount();
        _mounted?.Dispose();
        _mounted = null;
        Shell.Run($"rm -rf --one-file-system -- '{Outside}'");
    }

    /// <summary>Runs a bash script in <see cref="Folder"/>, every command of which must succeed, and returns its output.</summary>
    protected string Bash(string script, TimeSpan? limit = null) =>
        Shell.Get($"set -euo pipefail; cd '{Folder}'; outside='{Outside}'\n{script}", limit);

    /// <summary>Runs a Python script in <see cref="Folder"/> that must succeed (it may use <c>assert</c>), and returns its output.</summary>
    protected string Python(string script, TimeSpan? limit = null) => Bash($"python3 - <<'END'\n{script}\nEND", limit);

    /// <summary>
    /// What is in <see cref="Folder"/> now is also in the source, where stock zstd reads it, and the same again after a remount.
    /// </summary>
    protected void AssertKept()
    {
        if (_mounted is null)
            return;
        string copy = Path.Combine(Outside, "kept");
        Shell.Get($"rm -rf '{copy}' && cp -a '{Folder}' '{copy}'", TimeSpan.FromMinutes(2));
        ShellResult synced = _mounted.Program("sync", Folder);
        Assert.That(synced.ExitCode, Is.Zero, synced.ToString);
        TreeComparison.AssertStored(copy, _mounted.Source);
        _mounted.Remount();
        TreeComparison.AssertEqual(copy, Folder);
    }

    /// <summary>Unmounts and mounts again; nothing on the control.</summary>
    protected void Remount() => _mounted?.Remount();
}
