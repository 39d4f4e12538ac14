using System.Diagnostics;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Security;

/// <summary>One user takes what it can; another one, and the daemon's own work, still have what they need.</summary>
[CancelAfter(120_000)]
internal sealed class ResourceTests
{
    private const int TooManyFiles = 23, Descriptors = 4096;

    private const string Hog = """
        import os, sys
        os.chdir(sys.argv[1])
        os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
        count, refused, kept = 0, 0, []
        for i in range(int(sys.argv[3])):
            try:
                kept.append(os.open(f'h{sys.argv[2]}-{i}', os.O_RDWR | os.O_CREAT, 0o644))
                kept.append(os.open('.', os.O_RDONLY))
                count += 1
            except OSError as e:
                refused = e.errno
                break
        print(count, refused, flush=True)
        for f in kept[::2][:count]: os.write(f, b'kept ' * 1000)
        sys.stdin.readline()
        for f in kept: os.close(f)
        print('closed', flush=True)
        """;

    /// <summary>The limit of the shell that mounts is the daemon's.</summary>
    [Test]
    public void LimitOfFileSizes_IsAnErrorOfTheWrite()
    {
        using MountedFolder folder = MountedFolder.Prepared();
        Shell.Get($"ulimit -f 3000; '{TestMachine.Program(ShellUser.Same)}' mount '{folder.Source}' '{folder.Mount}'");
        ShellResult written = Shell.Run($"head -c 5000000 /dev/urandom > '{folder.Mount}/f'");
        Assert.That((written.ExitCode, written.Error), Is.EqualTo((1, written.Error)));
        Assert.That(written.Error, Does.Contain("File too large"));
        Assert.That(Shell.Get($"cd '{folder.Mount}' && echo ok > g && cat g && rm f"), Is.EqualTo("ok"));
        Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero);
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/g.zst'"), Is.EqualTo("ok"));
    }

    [Test]
    public void OneUsersHandles_LeaveRoomForOthersAndForCommits()
    {
        TestMachine.RequireRoot("becoming other users");
        using MountedFolder folder = MountedFolder.Prepared();
        string script = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "hog.py");
        File.WriteAllText(script, Hog);
        Shell.Get(
            $"chmod 1777 '{folder.Source}' && "
            + $"prlimit --nofile={Descriptors}:{Descriptors} '{TestMachine.Program(ShellUser.Same)}' mount -o "
            + $"allow_other '{folder.Source}' '{folder.Mount}'");
        using Process ann = Start(script, folder.Mount, "2001", Descriptors);
        string[] said = ann.StandardOutput.ReadLine()!.Split(' ');
        Assert.That(said[1], Is.EqualTo($"{TooManyFiles}"), "nothing stopped the first user: it proved nothing");
        Assert.That(int.Parse(said[0], System.Globalization.CultureInfo.InvariantCulture), Is.GreaterThan(300));
        using Process ben = Start(script, folder.Mount, "2002", 300);
        Assert.That(ben.StandardOutput.ReadLine(), Is.EqualTo("300 0"));
        Shell.Get($"cd '{folder.Mount}' && seq 300000 > large && seq 300000 | cmp - large && ls | wc -l");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        End(ben);
        End(ann);
        Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero);
        Shell.Get($"cd '{folder.Source}' && zstd -qt *.zst && zstd -qdc h2001-0.zst | grep -q kept");
    }

    /// <summary>A handle gives back what it took, however it ended.</summary>
    [Test]
    public void HandlesThatWereClosed_CountNoMore()
    {
        TestMachine.RequireRoot("becoming other users");
        using MountedFolder folder = MountedFolder.Prepared();
        Shell.Get(
            $"chmod 1777 '{folder.Source}' && "
            + $"prlimit --nofile=600:600 '{TestMachine.Program(ShellUser.Same)}' mount -o allow_other "
            + $"'{folder.Source}' '{folder.Mount}'");
        string script = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "opener.py");
        File.WriteAllText(script, """
            import os, sys
            os.chdir(sys.argv[1])
            os.setgroups([]); os.setgid(2001); os.setuid(2001)
            os.mkdir('closed', 0)
            open('f', 'w').close(); os.chmod('f', 0o444)
            for i in range(500):
                os.close(os.open('f', os.O_RDONLY)); os.close(os.open('g', os.O_RDWR | os.O_CREAT)); os.listdir('.')
                os.truncate('g', i)
                for wrong in (lambda: os.open('f', os.O_WRONLY), lambda: os.listdir('closed'),
                        lambda: os.open('h' * 256, os.O_RDWR | os.O_CREAT)):
                    try: wrong(); sys.exit('it works')
                    except OSError: pass
                os.close(os.open('.', os.O_TMPFILE | os.O_RDWR))
            """);
        Shell.Get($"python3 '{script}' '{folder.Mount}'");
        Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero);
    }

    private static Process Start(string script, string mount, string user, int count) =>
        Process.Start(new ProcessStartInfo("python3", [script, mount, user, $"{count}"]) { RedirectStandardInput = true,
            RedirectStandardOutput = true })!;

    private static void End(Process hog)
    {
        hog.StandardInput.WriteLine();
        Assert.That(hog.StandardOutput.ReadLine(), Is.EqualTo("closed"));
        Assert.That(hog.WaitForExit(Patience.For(TimeSpan.FromSeconds(30))), Is.True);
    }
}
