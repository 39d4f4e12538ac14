using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using ZstdFs.Cli.Options;
using ZstdFs.Core;

namespace ZstdFs.Cli.Commands;

/// <summary>The program's version, and the codec that it works with on this machine.</summary>
internal sealed class VersionWithCodec : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        string version = typeof(VersionWithCodec).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        parseResult.InvocationConfiguration.Output.WriteLine($"{version}, {CodecName.Of(CodecChoice.Auto)}");
        return 0;
    }
}
