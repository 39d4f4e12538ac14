using System.CommandLine;
using ZstdFs.Cli;
using ZstdFs.Cli.Commands;
using ZstdFs.Cli.Options;

if (MountHelperCall.Translate(MountHelperCall.CalledAs(), NativeText.Arguments(args)) is not { } words)
    return (int)ExitCode.Success;
ParseResult parsed = ZstdFsCommand.Create().Parse(words);
try
{
    if (WrongUse.Explain(parsed, words) is { } wrong)
        throw new CommandFailure(ExitCode.Usage, wrong);
    return parsed.Invoke(
        new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
}
catch (CommandFailure failure)
{
    Console.Error.WriteLine("zstdfs: " + NativeText.Printable(failure.Message));
    return parsed.CommandResult.Command.Name == CheckCommand.Name
        ? CheckCommand.FailureCode(failure.Code)
        : (int)failure.Code;
}
