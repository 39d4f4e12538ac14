using System.Text.Json;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>Which codec works, what tells of it, and that libzstd is not needed.</summary>
[TestFixture]
internal sealed class CodecTests
{
    private const string Managed = "ZstdSharp, zstd 1.";
    private const string MakePlain = "mkdir -p d; seq 400000 > d/text; head -c 3000000 /dev/urandom > noise; "
        + ": > empty; printf x > one; yes line | head -c 700000 > log";

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = TestMachine.CreateFolder();

    [TearDown]
    public void RemoveFolder() => Shell.Run($"rm -rf --one-file-system -- '{_folder}'");

    /// <summary>Everything of a mount goes through the codec inside, and stock zstd reads what it writes.</summary>
    [Test]
    public void ManagedMount_ReadsAndWritesWithoutLibzstd([Values] ShellUser user)
    {
        using MountedFolder folder = MountedFolder.Create(
            new MountSetup { Options = ["--codec=managed", "--level=7", "--frame-size=64K", "--plain=convert"],
                User = user },
            source => Shell.Get(
                $"cd '{source}' && seq 300000 > p && zstd -q --long=27 -19 p -o long.zst && "
                + "zstd -q < p > stream.zst && cp p plain && rm p",
                user: user));
        Shell.Get(
            $"set -e; cd '{folder.Mount}'; for f in long stream plain; do seq 300000 | cmp - $f; done; {MakePlain}; "
            + "cp -r d e; echo more >> e/text; printf Y | dd of=long bs=1 seek=1000 conv=notrunc status=none",
            user: user);
        JsonElement status = JsonDocument.Parse(folder.Program("status", "--json", folder.Mount).Output).RootElement;
        Assert.That(status.GetProperty("codec").GetString(), Does.StartWith(Managed));
        Assert.That(folder.Program("status", folder.Mount).Output, Does.Contain("\ncodec: " + Managed));
        Assert.That(folder.Log.Split('\n')[0], Does.Contain("; codec: " + Managed));
        Assert.That(Waiting.For(() => File.Exists(folder.Source + "/plain.zst")), "--plain=convert");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        Assert.That(File.ReadAllText($"/proc/{folder.Daemon.ProcessId}/maps"), Does.Not.Contain("libzstd"));
        folder.Remount();
        Shell.Get(
            $"cd '{folder.Mount}' && seq 400000 | cmp - d/text && cat <(seq 400000) <(echo more) | cmp - e/text && "
            + "[ $(stat -c %s noise empty one log | paste -sd,) = 3000000,0,1,700000 ]",
            user: user);
        folder.Unmount();
        Shell.Get(
            $"cd '{folder.Source}' && find . -name '*.zst' -exec zstd -qt {{}} + && "
            + "zstd -qdc d/text.zst | cmp - <(seq 400000)",
            user: user);
    }

    /// <summary>
    /// The dynamic linker finds no libzstd that it could load: mounts and tools work all the same, and say what they
    /// work with.
    /// </summary>
    [Test]
    public void LibzstdCannotBeLoaded_EverythingWorks([Values] ShellUser user)
    {
        string without = Without("printf 'no library' > libzstd.so.1");
        MakeTree(user);
        Assert.That(Run(without, "--version", user).Text,
            Does.EndWith("(libzstd.so.1 cannot be loaded)").And.Contains(Managed));
        Require(0, without, $"convert '{_folder}/tree'", user);
        Require(0, without, $"check --data '{_folder}/tree'", user);
        Require(0, without, $"recompress --level 9 --if-saves 0 '{_folder}/tree'", user);
        Require(0, without, $"stats '{_folder}/tree'", user);
        Assert.That(Require(0, without, $"info '{_folder}/tree/d/text.zst'", user).Output,
            Does.Contain("level       about "));
        Require(0, without, $"mount '{_folder}/tree' '{_folder}/mount'", user);
        try
        {
            Assert.That(Require(0, without, $"status '{_folder}/mount'", user).Output,
                Does.Contain("codec: " + Managed));
            Shell.Get($"cd '{_folder}/mount' && seq 400000 | cmp - d/text && echo more >> one", user: user);
        }
        finally
        {
            Require(0, without, $"unmount '{_folder}/mount'", user);
        }
        Require(0, without, $"convert --revert '{_folder}/tree'", user);
        Shell.Get(
            $"cd '{_folder}/tree' && seq 400000 | cmp - d/text && [ \"$(cat one)\" = xmore ] && "
            + "[ $(stat -c %s noise) = 3000000 ] && [ ! -e .zstdfs ]");
    }

    [TestCase("printf 'no library' > libzstd.so.1", "libzstd.so.1 cannot be loaded")]
    [TestCase("echo 'unsigned ZSTD_versionNumber(void) { return 10308; }' | gcc -shared -x c -o libzstd.so.1 -",
        "libzstd.so.1 is of version 1.3.8, and 1.4.0 is needed")]
    [TestCase("echo 'unsigned ZSTD_versionNumber(void) { return 10507; }' | gcc -shared -x c -o libzstd.so.1 -",
        "libzstd.so.1 lacks functions of zstd 1.4.0")]
    [TestCase("echo 'int x;' | gcc -shared -x c -o libzstd.so.1 -", "libzstd.so.1 lacks functions of zstd 1.4.0")]
    public void LibzstdUnusable_NativeIsRefusedInOneLine_AndAutoDoesWithout(string make, string reason)
    {
        string without = Without(make);
        MakeTree(ShellUser.Same);
        foreach ((string command, int code) in new[] { ($"mount '{_folder}/tree' '{_folder}/mount'", 1),
            ($"mount -f -o codec=native '{_folder}/tree' '{_folder}/mount'", 1), ($"convert '{_folder}/tree'", 1),
            ($"check '{_folder}/tree'", 8), ($"stats '{_folder}/tree'", 1), ($"info '{_folder}/tree/one'", 1) })
        {
            string words = command.Contains("codec=", StringComparison.Ordinal) ? command
                : command.Insert(command.IndexOf(' ', StringComparison.Ordinal), " --codec=native");
            ShellResult refused = Require(code, without, words, ShellUser.Same);
            Assert.That(refused.Error,
                Does.Match($@"^zstdfs: option '(--)?codec' asks for libzstd, but {reason}: "
                    + @"install libzstd1, or leave the option out\n$"),
                command);
        }
        Assert.That(Run(without, "--version", ShellUser.Same).Text, Does.EndWith($"({reason})"));
        Require(0, without, $"convert '{_folder}/tree'", ShellUser.Same);
    }

    [Test]
    public void WrongCodec_IsRefusedAndSaysWhichThereAre([Values("mount --codec=zlib /x /y",
        "mount -o codec=zlib /x /y", "convert --codec=zlib /x", "check --codec=zlib /x")] string words)
    {
        ShellResult result = Run("", words, ShellUser.Same);
        Assert.That(result.ExitCode, Is.EqualTo(words.StartsWith("check", StringComparison.Ordinal) ? 16 : 2),
            result.ToString);
        Assert.That(result.Error,
            Does.Contain("does not take 'zlib': give 'auto'").And.Contains("'native' or 'managed'"));
    }

    private void MakeTree(ShellUser user)
    {
        Shell.Get($"mkdir '{_folder}/tree' '{_folder}/mount' && chmod 777 '{_folder}/tree' '{_folder}/mount'");
        if (user == ShellUser.Ordinary)
            Shell.Get($"chown 65534:65534 '{_folder}/tree' '{_folder}/mount'");
        Shell.Get($"cd '{_folder}/tree' && {MakePlain}", user: user);
    }

    /// <summary>Makes a folder in which the dynamic linker looks for libraries first.</summary>
    private string Without(string make)
    {
        Shell.Get($"mkdir '{_folder}/libraries' && cd '{_folder}/libraries' && {make} && chmod -R a+rX .");
        return $"LD_LIBRARY_PATH='{_folder}/libraries' ";
    }

    private static ShellResult Run(string environment, string words, ShellUser user) =>
        Shell.Run($"{environment}exec '{TestMachine.Program(user)}' {words}", user: user);

    private static ShellResult Require(int exitCode, string environment, string words, ShellUser user)
    {
        ShellResult result = Run(environment, words, user);
        Assert.That(result.ExitCode, Is.EqualTo(exitCode), () => $"zstdfs {words}\n{result}");
        return result;
    }
}
