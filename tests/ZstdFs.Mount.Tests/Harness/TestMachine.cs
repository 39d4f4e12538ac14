using System.Reflection;

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>What this machine can do. What it cannot is a skipped test by hand and a failed one in CI, with the reason in both.</summary>
internal static class TestMachine
{
    private static readonly Lazy<string> OwnProgram = new(FindProgram);
    private static readonly Lazy<string> SharedProgram = new(CopyProgram);

    /// <summary>Where other users find the program, once one of them was to run it.</summary>
    internal static string SharedProgramFolder => Path.Combine(RunFolder.Path, "program");

    internal static bool IsRoot => Environment.IsPrivilegedProcess;

    /// <summary>The <c>zstdfs</c> under test, where that user can read it.</summary>
    internal static string Program(ShellUser user) => user == ShellUser.Same ? OwnProgram.Value : SharedProgram.Value;

    /// <summary>A new folder on a real file system (not tmpfs, unless the machine has nothing else), which every user may enter.</summary>
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
        string program = Environment.GetEnvironmentVariable("ZSTDFS_PROGRAM")
            ?? typeof(TestMachine).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "ZstdFsProgram").Value!;
        Assert.That(File.Exists(program), $"{program} is not there: build ZstdFs.sln first");
        return program;
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
