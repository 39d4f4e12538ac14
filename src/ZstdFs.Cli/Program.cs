using System.CommandLine;
using ZstdFs.Cli;
using ZstdFs.Cli.Commands;
using ZstdFs.Cli.Options;

string[] words = NativeText.Arguments(args);
// mount.fuse, which mount(8) and fstab use, runs "zstdfs SOURCE MOUNTPOINT -o …" without a command.
if (words is [['/', ..], ..])
    words = ["mount", .. words];

ParseResult parsed = ZstdFsCommand.Create().Parse(words);
try
{
    if (WrongUse.Explain(parsed) is { } wrong)
        throw new CommandFailure(ExitCode.Usage, wrong);
    return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
}
catch (CommandFailure failure)
{
    Console.Error.WriteLine("zstdfs: " + NativeText.Printable(failure.Message));
    return parsed.CommandResult.Command.Name == CheckCommand.Name ? CheckCommand.FailureCode(failure.Code) : (int)failure.Code;
}
