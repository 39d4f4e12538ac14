using System.CommandLine;
using System.CommandLine.Parsing;

namespace ZstdFs.Cli.Commands;

/// <summary>A command line that does not parse, in one line that says what to do.</summary>
internal static class WrongUse
{
    /// <summary>What is wrong; null where nothing is.</summary>
    /// <param name="parsed">What the library made of the words.</param>
    /// <param name="words">The program's arguments.</param>
    internal static string? Explain(ParseResult parsed, IEnumerable<string> words)
    {
        Command command = parsed.CommandResult.Command;
        if (command == parsed.RootCommandResult.Command)
            return parsed.Errors.Count == 0 ? null : ExplainWithoutCommand(parsed);
        string help = $"'zstdfs {command.Name} --help' shows how it is used";
        // The library takes an unknown option for an argument.
        if (parsed.Action is not HelpWithExamples && UnknownOption(parsed) is { } unknown)
            return $"'{command.Name}' has no option '{unknown}': {help}";
        // The library takes the next word for the value of an option that ends with '='.
        if (OptionWithoutValue(command, words) is { } empty)
            return $"'{empty}' needs a value behind the '=': {help}";
        if (parsed.Errors.Count == 0)
            return null;
        if (parsed.UnmatchedTokens.Count > 0)
            return $"'{command.Name}' does not take the further word '{parsed.UnmatchedTokens[0]}': {help}";
        Argument? missing = command.Arguments.FirstOrDefault(a => parsed.GetResult(a) is null or { Tokens.Count: 0 });
        return missing is null
            ? $"{parsed.Errors[0].Message.TrimEnd('.')}: {help}"
            : $"'{command.Name}' needs {missing.Name}: {help}";
    }

    private static string ExplainWithoutCommand(ParseResult parsed)
    {
        const string Help = "'zstdfs --help' shows the commands";
        return parsed.UnmatchedTokens.Count > 0
            ? $"no command or option '{parsed.UnmatchedTokens[0]}': {Help}"
            : $"no command given: {Help}";
    }

    private static string? OptionWithoutValue(Command command, IEnumerable<string> words) =>
        words.TakeWhile(word => word != "--").FirstOrDefault(word => word.EndsWith('=')
            && command.Options.Any(option => option.Name == word[..^1] || option.Aliases.Contains(word[..^1])));

    private static string? UnknownOption(ParseResult parsed)
    {
        if (parsed.Tokens.Any(t => t.Type == TokenType.DoubleDash))
            return null;
        return parsed.CommandResult.Command.Arguments
            .SelectMany(a => parsed.GetResult(a)?.Tokens.Select(t => t.Value) ?? [])
            .Concat(parsed.UnmatchedTokens)
            .FirstOrDefault(word => word.Length > 1 && word[0] == '-');
    }
}
