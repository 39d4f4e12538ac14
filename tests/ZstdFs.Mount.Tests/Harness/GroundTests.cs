using NUnit.Framework.Interfaces;

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>
/// Tests of single calls that must do the same on a mount as in an ordinary folder; each runs on both, over several
/// file systems.
/// </summary>
[TestFixtureSource(typeof(Grounds), nameof(Grounds.ForCalls))]
internal abstract class GroundTests(Ground ground) : GroundFixture(ground);

/// <summary>As <see cref="GroundTests"/>, of calls that are root's alone.</summary>
[TestFixtureSource(typeof(Grounds), nameof(Grounds.ForRootsCalls))]
internal abstract class RootGroundTests(Ground ground) : GroundFixture(ground);

/// <summary>Tests of programs that must do the same on a mount as in an ordinary folder.</summary>
[TestFixtureSource(typeof(Grounds), nameof(Grounds.ForPrograms))]
internal abstract class ProgramTests(Ground ground) : GroundFixture(ground);

/// <summary>What tests on a <see cref="Ground"/> work with.</summary>
internal abstract class GroundFixture(Ground ground)
{
    private MountedFolder? _mounted;
    private string? _parent;

    /// <summary>The empty folder to work in.</summary>
    protected string Folder { get; private set; } = "";

    /// <summary>An ordinary folder beside it, in scripts <c>$outside</c>.</summary>
    protected string Outside { get; private set; } = "";

    /// <summary>Whether this is the mount and not the control.</summary>
    protected bool OnMount => ground.IsMount;

    /// <summary>Who does what the test does.</summary>
    protected ShellUser User => ground.User;

    /// <summary>Type of the file system below; null for the machine's own.</summary>
    protected string? FileSystem => ground.FileSystem;

    /// <summary>A folder on the file system below, for a mount of the test's own; null on the machine's own.</summary>
    protected string? SourceParent =>
        _parent is null ? null : Directory.CreateDirectory(Path.Combine(_parent, "own")).FullName;

    /// <summary>The mount; only where <see cref="OnMount"/>.</summary>
    protected MountedFolder Mounted =>
        _mounted ?? throw new InvalidOperationException("this is the control: nothing is mounted");

    [SetUp]
    public void PrepareGround()
    {
        if (ground.User == ShellUser.Ordinary)
            TestMachine.RequireRoot("becoming an ordinary user");
        string? image = ground.FileSystem is { } type ? SharedImages.Root(type) : null;
        Outside = TestMachine.CreateFolder();
        if (image is not null)
            _parent = Directory.CreateDirectory(Path.Combine(image, Path.GetFileName(Outside))).FullName;
        if (OnMount)
            _mounted = MountedFolder.Create(
                new MountSetup { Options = ground.Options, User = ground.User, SourceParent = _parent });
        Folder = _mounted?.Mount ?? Directory.CreateDirectory(Path.Combine(_parent ?? Outside, "ground")).FullName;
        if (ground.User == ShellUser.Ordinary)
            Shell.Get($"chown 65534:65534 '{Outside}'" + (OnMount ? "" : $" '{Folder}'"));
    }

    [TearDown]
    public void LeaveGround()
    {
        bool passed = TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Passed;
        if (passed && _mounted is not null)
            _mounted.Unmount();
        _mounted?.Dispose();
        _mounted = null;
        Shell.Run($"rm -rf --one-file-system -- '{Outside}' '{_parent ?? Outside}'");
        _parent = null;
    }

    /// <summary>
    /// Runs a bash script in <see cref="Folder"/>, every command of which must succeed, and returns its output.
    /// </summary>
    protected string Bash(string script, TimeSpan? limit = null) =>
        Shell.Get($"set -euo pipefail; cd '{Folder}'; outside='{Outside}'\n{script}", limit, ground.User);

    /// <summary>Runs a bash script in <see cref="Folder"/> that may fail.</summary>
    protected ShellResult TryBash(string script) => Shell.Run($"cd '{Folder}'; {script}", user: ground.User);

    /// <summary>
    /// Runs a Python script in <see cref="Folder"/> that must succeed (it may use <c>assert</c>), and returns its
    /// output.
    /// </summary>
    protected string Python(string script, TimeSpan? limit = null) => Bash($"python3 - <<'END'\n{script}\nEND", limit);

    /// <summary>
    /// For a test of what only root may do. Where an ordinary user runs it, its command must be refused to him as Linux
    /// refuses it, and that is all that there is to see: true.
    /// </summary>
    protected bool IsForRootOnly(string what, string command)
    {
        TestMachine.RequireRoot(what);
        if (ground.User != ShellUser.Ordinary)
            return false;
        ShellResult refused = TryBash($"echo x > refused && {command}");
        Assert.That(refused.ExitCode, Is.Not.Zero);
        Assert.That(refused.Error, Does.Contain("Operation not permitted"));
        return true;
    }

    /// <summary>
    /// What is in <see cref="Folder"/> now is also in the source, where stock zstd reads it, and the same again after a
    /// remount.
    /// </summary>
    protected void AssertKept()
    {
        if (_mounted is null)
            return;
        string copy = Path.Combine(Outside, "kept");
        Shell.Get($"rm -rf '{copy}' && cp -a '{Folder}' '{copy}'", TimeSpan.FromMinutes(2), ground.User);
        ShellResult synced = _mounted.Program("sync", Folder);
        Assert.That(synced.ExitCode, Is.Zero, synced.ToString);
        TreeComparison.AssertStored(copy, _mounted.Source);
        _mounted.Remount();
        TreeComparison.AssertEqual(copy, Folder, ground.User);
    }

    /// <summary>Unmounts and mounts again; nothing on the control.</summary>
    protected void Remount() => _mounted?.Remount();
}
