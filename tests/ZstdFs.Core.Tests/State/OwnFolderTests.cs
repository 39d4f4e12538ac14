using System.Diagnostics;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.State;

/// <summary>What another user put into <c>.zstdfs</c> is never trusted.</summary>
[TestFixture]
internal sealed class OwnFolderTests
{
    [Test]
    public void OpenFolderWithAnothersState_IsRefusedEveryTime()
    {
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("only root can give a file to another user");
        using var source = new TestSource();
        source.Write(".zstdfs/state", []);
        Run("chmod", "777", $"{source.Path}/.zstdfs");
        Run("chown", "12345", $"{source.Path}/.zstdfs/state");
        for (int mount = 1; mount <= 3; mount++)
            Assert.That(() => source.WithState(static (_, _) => { }),
                Throws.TypeOf<SourceException>().With.Message.Contains("belongs to user 12345"), $"mount {mount}");
        Run("chown", "0", $"{source.Path}/.zstdfs/state");
        source.WithState(static (_, _) => { });
        using FileDescriptor root = source.Open();
        Assert.That(SystemCallsAt.Stat(root, new NativeName(".zstdfs\0"u8), out Statx stat), Is.Zero);
        Assert.That(stat.Mode & 0xFFF, Is.EqualTo(0x1C0));
    }

    private static void Run(string program, params string[] words)
    {
        using Process process = Process.Start(program, words);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, program);
    }
}
