using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace ZstdFs.Cli.Commands;

/// <summary>
/// The library's help, followed by examples of the command that was asked about and the meaning of the exit status.
/// </summary>
internal sealed class HelpWithExamples(HelpAction help, IReadOnlyDictionary<Command, string[]> examples)
    : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int result = help.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        if (examples.TryGetValue(parseResult.CommandResult.Command, out string[]? lines))
        {
            output.WriteLine("Examples:");
            foreach (string line in lines)
                output.WriteLine("  " + line);
            output.WriteLine();
        }
        if (parseResult.CommandResult.Command.Name == CheckCommand.Name)
            output.WriteLine(
                "Exit status, as fsck's: 0 healthy, 1 all mended, 4 faults left, 8 could not check, 16 wrong use, "
                + "32 interrupted.");
        else
            output.WriteLine(
                "Exit status: 0 done, 1 failure, 2 wrong use, 3 source unusable, 4 mount point unusable, "
                + "5 no FUSE, 6 busy, 7 data not committed, 8 some files left.");
        return result;
    }
}
