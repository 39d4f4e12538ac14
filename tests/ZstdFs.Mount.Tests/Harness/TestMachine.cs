using System.Reflection;

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>
/// What this machine can do. What it cannot is a skipped test by hand and a failed one in CI, with the reason in both.
/// </summary>
internal static class TestMachine
{
    private static readonly Lazy<string> OwnProgram = new(FindProgram);
    private static readonly Lazy<string> SharedProgram = new(CopyProgram);
    private static readonly Lazy<string> OwnWithCodec = new(() => WithCodec(OwnProgram.Value, "own"));
    private static readonly Lazy<string> SharedWithCodec = new(() => WithCodec(SharedProgram.Value, "shared"));

    /// <summary>What ZSTDFS_TEST_CODEC says: every test's mounts and tools get it as their <c>--codec</c>.</summary>
    private static readonly string? Codec = Environment.GetEnvironmentVariable("ZSTDFS_TEST_CODEC");

    /// <summary>Where other users find the program, once one of them was to run it.</summary>
    internal static string SharedProgramFolder => Path.Combine(RunFolder.Path, "program");

    internal static bool IsRoot => Environment.IsPrivilegedProcess;

    /// <summary>Whether the program under test is the native one, the form that users get.</summary>
    internal static bool IsNative => !File.Exists(Path.Combine(Path.GetDirectoryName(OwnProgram.Value)!, "zstdfs.dll"));

    /// <summary>The <c>zstdfs</c> under test, where that user can read it.</summary>
    internal static string Program(ShellUser user) => (user, string.IsNullOrEmpty(Codec)) switch
    {
        (ShellUser.Same, true) => OwnProgram.Value,
        (ShellUser.Same, false) => OwnWithCodec.Value,
        (_, true) => SharedProgram.Value,
        _ => SharedWithCodec.Value,
    };

    /// <summary>
    /// A new folder on a real file system (not tmpfs, unless the machine has nothing else), which every user may enter.
    /// </summary>
    internal static string CreateFolder()
    {
        string folder = Path.Combine(RunFolder.Path, Guid.NewGuid().ToString("n")[..8]);
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        return folder;
    }

    internal static void RequireMounts()
    {
        try
        {
            using var device = new FileStream("/dev/fuse", FileMode.Open, FileAccess.ReadWrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            CannotRun($"mounts need /dev/fuse: {e.Message}");
        }
        if (!IsRoot && Shell.Run("command -v fusermount3").ExitCode != 0)
            CannotRun("mounts need fusermount3 (package fuse3) where the tests do not run as root");
    }

    internal static void RequireRoot(string what)
    {
        if (!IsRoot)
            CannotRun($"{what} needs root");
    }

    internal static void CannotRun(string why)
    {
        if (Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail(why);
        Assert.Ignore(why);
    }

    private static string FindProgram()
    {
        if (Environment.GetEnvironmentVariable("ZSTDFS_PROGRAM") is { } given)
        {
            Assert.That(File.Exists(given), $"ZSTDFS_PROGRAM={given} is not there");
            return given;
        }
        string program = FromBuild("ZstdFsProgram");
        ProgramAge.RequireNewest(Path.GetDirectoryName(program)!, Path.Combine(FromBuild("RepositoryRoot"), "src"));
        return program;
    }

    private static string FromBuild(string key) =>
        typeof(TestMachine).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;

    /// <summary>
    /// A script that runs the program and tells it the codec, where the command has one. A word of the test's own wins.
    /// </summary>
    private static string WithCodec(string program, string name)
    {
        string script = Path.Combine(
            Directory.CreateDirectory(Path.Combine(RunFolder.Path, name + "-with-codec")).FullName, "zstdfs");
        File.WriteAllText(script, $"#!/bin/sh\ncase \"$*\" in *--codec*) exec '{program}' \"$@\";; esac\ncommand=$1\n"
            + "case $command in mount|convert|check|recompress|stats|info) shift; "
            + $"exec '{program}' $command --codec={Codec} \"$@\";; esac\nexec '{program}' \"$@\"\n");
        Shell.Get($"chmod -R a+rx '{Path.GetDirectoryName(script)}'");
        return script;
    }

    // The checkout may be in a folder that others cannot enter. The copy goes with the run's folder.
    private static string CopyProgram()
    {
        string folder = SharedProgramFolder;
        Directory.CreateDirectory(folder);
        Shell.Get($"cp -r '{Path.GetDirectoryName(OwnProgram.Value)}/.' '{folder}' && chmod -R a+rX '{folder}'");
        return Path.Combine(folder, "zstdfs");
    }
}
