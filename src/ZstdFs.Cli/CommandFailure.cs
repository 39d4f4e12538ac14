namespace ZstdFs.Cli;

/// <summary>Ends a command: one line for the user, naming the thing and what to do, and the exit code.</summary>
internal sealed class CommandFailure(ExitCode code, string message) : Exception(message)
{
    /// <summary>The exit code.</summary>
    internal ExitCode Code { get; } = code;
}
