using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>Programs that not every machine has.</summary>
internal static class BackupPrograms
{
    /// <summary>Skips the test where the program is missing.</summary>
    internal static void Require(string program)
    {
        if (Shell.Run($"command -v {program}").ExitCode != 0)
            TestMachine.CannotRun($"needs {program} (scripts/packages names its package)");
    }
}
