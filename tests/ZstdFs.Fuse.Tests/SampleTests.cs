using System.Diagnostics;
using System.Reflection;
using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>The sample of README, as its reader runs it: in a process of its own, on a real mount.</summary>
[TestFixture]
internal sealed class SampleTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Test]
    public void EnvironmentFs_ShowsItsVariablesAsFiles()
    {
        using var folder = new SampleMount("FIRST=one", "SECOND=two words");
        Assert.That(folder.Run("cat FIRST SECOND"), Is.EqualTo("one\ntwo words\n"));
        Assert.That(folder.Run("stat -c '%s %F %a' SECOND"), Is.EqualTo("10 regular file 444\n"));
        Assert.That(folder.Run("ls").Split('\n'), Is.SupersetOf((string[])["FIRST", "SECOND", "PATH"]));
        Assert.That(folder.Run("cat ABSENT 2>&1; true"), Does.Contain("No such file"));
        Assert.That(folder.Run("echo x 2>&1 > FIRST; true"), Does.Contain("Read-only file system"));
        Assert.That(folder.End(), Is.Zero, "the program ends with the mount");
    }

    [Test]
    public void EnvironmentFs_WithoutAMountPoint_SaysHowItIsUsed()
    {
        using Process process = SampleMount.Start([]);
        Assert.That(process.WaitForExit(Patience), Is.True);
        Assert.That(process.ExitCode, Is.EqualTo(2));
        Assert.That(process.StandardError.ReadToEnd(), Does.StartWith("usage: "));
    }

    private sealed class SampleMount : IDisposable
    {
        private readonly string _point = Directory.CreateTempSubdirectory("fuse-sample-").FullName;
        private readonly Process _program;

        internal SampleMount(params string[] variables)
        {
            if (!Credentials.IsRoot)
                Assert.Ignore("needs root, to mount and to abort what hangs");
            _program = Start([_point], variables);
            Assert.That(() => IsMounted || _program.HasExited, Is.True.After((int)Patience.TotalMilliseconds, 20));
            Assert.That(IsMounted, Is.True, () => _program.StandardError.ReadToEnd());
        }

        private bool IsMounted => MountTable.Find(Encoding.UTF8.GetBytes(_point)) is not null;

        internal static Process Start(string[] arguments, params string[] variables)
        {
            string program = typeof(SampleMount).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
                .Single(a => a.Key == "SampleProgram").Value!;
            var start = new ProcessStartInfo(Environment.ProcessPath!, [program, .. arguments]) { RedirectStandardError = true };
            foreach (string variable in variables)
                start.Environment[variable.Split('=')[0]] = variable.Split('=')[1];
            return Process.Start(start)!;
        }

        /// <summary>What a shell command in the mount prints. A mount that hangs is aborted.</summary>
        internal string Run(string command)
        {
            var start = new ProcessStartInfo("sh", ["-c", command]) { WorkingDirectory = _point, RedirectStandardOutput = true };
            using Process shell = Process.Start(start)!;
            Task<string> output = shell.StandardOutput.ReadToEndAsync();
            bool isDone = output.Wait(Patience);
            if (!isDone)
                LiveMount.Abort(_point);
            Assert.That(isDone, Is.True, "the mount answers");
            return output.Result;
        }

        internal int End()
        {
            using Process unmount = Process.Start("umount", [_point]);
            Assert.That(unmount.WaitForExit(Patience) && _program.WaitForExit(Patience), Is.True);
            return _program.ExitCode;
        }

        public void Dispose()
        {
            if (!_program.HasExited)
            {
                _program.Kill();
                _program.WaitForExit();
            }
            if (IsMounted)
                Process.Start("umount", [_point]).WaitForExit();
            _program.Dispose();
            Directory.Delete(_point);
        }
    }
}
