using System.Diagnostics;

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>What a command gave back.</summary>
internal sealed record ShellResult(int ExitCode, string Output, string Error)
{
    /// <summary>Standard output without the last line's end.</summary>
    internal string Text => Output.TrimEnd('\n');

    /// <summary>For an assertion's message.</summary>
    public override string ToString() => $"exit {ExitCode}\n{Output}{Error}";
}

/// <summary>Whom a command runs as.</summary>
internal enum ShellUser
{
    /// <summary>Whoever runs the tests.</summary>
    Same,
    /// <summary>The user "nobody", without any privilege.</summary>
    Ordinary,
}

/// <summary>Runs native tools, never longer than a limit: a hung mount must fail its test, not stop the run.</summary>
internal static class Shell
{
    private const string Nobody = "65534";
    private static readonly TimeSpan DefaultLimit = TimeSpan.FromSeconds(60);

    /// <summary>Runs a bash script; standard input is empty.</summary>
    internal static ShellResult Run(string script, TimeSpan? limit = null, ShellUser user = ShellUser.Same) =>
        Run(["bash", "-c", script], limit, user);

    /// <summary>Runs a bash script that must succeed, and returns its output without the last line's end.</summary>
    internal static string Get(string script, TimeSpan? limit = null, ShellUser user = ShellUser.Same)
    {
        ShellResult result = Run(script, limit, user);
        Assert.That(result.ExitCode, Is.Zero, () => $"{script}\n{result}");
        return result.Text;
    }

    /// <summary>Runs a program with its arguments as they are.</summary>
    internal static ShellResult Run(IReadOnlyList<string> command, TimeSpan? limit = null,
        ShellUser user = ShellUser.Same)
    {
        using var process = Process.Start(StartInfo(command, user))
            ?? throw new InvalidOperationException($"{command[0]} did not start");
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        TimeSpan longest = Patience.For(limit ?? DefaultLimit);
        if (!process.WaitForExit(longest))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"took longer than {longest.TotalSeconds:0} s: {string.Join(' ', command)}");
        }
        // A daemon that kept the pipes open would hold this up for ever.
        if (!Task.WaitAll([output, error], Patience.For(TimeSpan.FromSeconds(10))))
            throw new TimeoutException(
                $"ended, but something it started still holds its output: {string.Join(' ', command)}");
        return new ShellResult(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>How to start a program as that user, its three streams redirected.</summary>
    internal static ProcessStartInfo StartInfo(IReadOnlyList<string> command, ShellUser user)
    {
        IEnumerable<string> words = user == ShellUser.Ordinary
            ? ["setpriv", "--reuid=" + Nobody, "--regid=" + Nobody, "--clear-groups", "--inh-caps=-all", .. command]
            : command;
        var start = new ProcessStartInfo
        {
            FileName = words.First(),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        foreach (string word in words.Skip(1))
            start.ArgumentList.Add(word);
        return start;
    }
}
