namespace ZstdFs.Mount.Tests.Harness;

/// <summary>The harness itself must notice what it is there to notice.</summary>
[TestFixture]
internal sealed class HarnessTests
{
    [Test]
    public void HungCommand_EndsAtItsLimit() =>
        Assert.That(() => Shell.Run("sleep 60", TimeSpan.FromMilliseconds(200)), Throws.TypeOf<TimeoutException>());

    [Test]
    public void TreeComparison_NoticesEveryKindOfDifference(
        [Values("echo x > f", "chmod 600 f", "touch -d @5.000000001 f", "ln -sfn b l", "rm f", "mkdir more",
            "touch -d @7 d", "chown 1:1 f")] string change)
    {
        TestMachine.RequireRoot("chown");
        string folder = TestMachine.CreateFolder();
        try
        {
            Shell.Get($"cd '{folder}' && mkdir -p a/d && echo y > a/f && ln -s a a/l && cp -a a b");
            TreeComparison.AssertEqual($"{folder}/a", $"{folder}/b");
            Shell.Get($"cd '{folder}/b' && {change}");
            Assert.That(() => Isolated(() => TreeComparison.AssertEqual($"{folder}/a", $"{folder}/b")), Is.True);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestCase("zstdfs: error: 'f': Read failed: unexpected, a fault of zstdfs: System.ArgumentOutOfRangeException")]
    [TestCase("Unhandled exception. System.InvalidOperationException: why")]
    public void DaemonThatMetAnUnexpectedException_IsNoticed(string line)
    {
        using var daemon = new Daemon(["echo", line], ShellUser.Same);
        Assert.That(daemon.WaitForEnd(), Is.Zero);
        Assert.That(UnexpectedFailures.Take(), Is.EqualTo(new[] { line }));
    }

    [Test]
    public void WhatADaemonHasWritten_IsInItsLogAtOnce([Values] ShellUser user)
    {
        if (user == ShellUser.Ordinary)
            TestMachine.RequireRoot("becoming an ordinary user");
        string folder = TestMachine.CreateFolder(), done = Path.Combine(folder, "done");
        try
        {
            Shell.Get($"chmod 777 '{folder}'");
            using var daemon = new Daemon(["sh", "-c", $"echo one; echo two >&2; : > '{done}'; sleep 60"], user);
            Assert.That(Waiting.For(() => File.Exists(done)), () => daemon.Log);
            Assert.That(daemon.Log, Is.EqualTo("one\ntwo\n"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void LoopImage_IsThatFileSystem([ValueSource(typeof(LoopImage), nameof(LoopImage.Types))] string type)
    {
        using LoopImage image = LoopImage.Create(type);
        Assert.That(Shell.Get($"stat -f -c %T '{image.Root}'"), Does.StartWith(type[..3]));
    }

    [Test]
    public void ProgramOlderThanItsSources_IsNotRun()
    {
        string folder = TestMachine.CreateFolder();
        try
        {
            Shell.Get(
                $"cd '{folder}' && mkdir -p program src/deep && touch -d '2 minutes ago' src/deep/a.cs && "
                + "touch -d '1 minute ago' program/zstdfs");
            ProgramAge.RequireNewest($"{folder}/program", $"{folder}/src");
            Shell.Get($"touch '{folder}/src/deep/a.cs'");
            Assert.That(Isolated(() => ProgramAge.RequireNewest($"{folder}/program", $"{folder}/src")), Is.True);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void FolderOfADeadRun_IsRemovedWithItsMounts_AndThatOfALiveOneStays()
    {
        string parent = TestMachine.CreateFolder();
        (string live, FileStream liveLock) = RunFolder.Make(parent);
        (string dead, FileStream deadLock) = RunFolder.Make(parent);
        (string young, FileStream youngLock) = RunFolder.Make(parent);
        try
        {
            Shell.Get(
                $"touch -d '2 minutes ago' '{live}/lock' '{dead}/lock'; mkdir '{dead}/mount' && "
                + $"echo x > '{dead}/file'");
            if (TestMachine.IsRoot)
                Shell.Get(
                    $"mount -t tmpfs none '{dead}/mount' && mkdir '{dead}/mount/inner' && "
                    + $"mount -t tmpfs none '{dead}/mount/inner' && echo x > '{dead}/mount/inner/file'");
            deadLock.Dispose();
            youngLock.Dispose();
            RunFolder.RemoveDead(parent);
            Assert.That(Directory.GetDirectories(parent), Is.EquivalentTo(new[] { live, young }));
        }
        finally
        {
            liveLock.Dispose();
            Shell.Run(
                $"umount '{dead}/mount/inner' '{dead}/mount' 2> /dev/null; rm -rf --one-file-system -- '{parent}'");
        }
    }

    // Whether an assertion fails, without failing this test.
    private static bool Isolated(Action assertion)
    {
        using (new NUnit.Framework.Internal.TestExecutionContext.IsolatedContext())
        {
            try
            {
                assertion();
                return false;
            }
            catch (AssertionException)
            {
                return true;
            }
        }
    }
}
