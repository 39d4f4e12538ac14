using Microsoft.Win32.SafeHandles;
using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>Starts the daemon of a background mount and waits until it serves or says why not.</summary>
internal static class BackgroundStart
{
    /// <summary>
    /// Runs this program again with <paramref name="arguments"/>, as a daemon: own session, no terminal. Its outputs go
    /// to <paramref name="logFile"/>, so that a crash leaves a trace there; without a log file they go nowhere.
    /// </summary>
    internal static void Run(IReadOnlyList<string> arguments, string? logFile)
    {
        // Not .NET's own pipes: those load its sockets, in both processes.
        int made = ProcessSpawn.Pipe(out SafeFileHandle reading, out SafeFileHandle writing);
        if (made < 0)
            throw new CommandFailure(ExitCode.Failure, $"the daemon could not be started ({(Errno)(-made)})");
        using var report = new FileStream(reading, FileAccess.Read, bufferSize: 0);
        var command = new List<byte[]>();
        foreach (string word in Self().Concat(arguments))
            command.Add(NativeText.Encode(word));
        int daemon = ProcessSpawn.Detached(
            new NativeName([.. command[0], 0]), command,
            new NativeName(NativeText.EncodeTerminated(logFile ?? "/dev/null")), writing);
        writing.Dispose();
        if (daemon < 0)
            throw new CommandFailure(ExitCode.Failure, $"the daemon could not be started ({(Errno)(-daemon)})");
        StartReport.Await(report, daemon, Console.Error);
    }

    // Either the program's own executable, or the dotnet host with our assembly.
    private static IEnumerable<string> Self()
    {
        string executable = Environment.ProcessPath
            ?? throw new CommandFailure(ExitCode.Failure, "cannot find the program's own file: is /proc mounted?");
        return Path.GetFileNameWithoutExtension(executable) == "dotnet"
            ? [executable, Path.Combine(AppContext.BaseDirectory, "zstdfs.dll")]
            : [executable];
    }
}
