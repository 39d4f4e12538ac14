using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

// What single pieces cost, without a mount. In this process: a project that is generated for each would not see
// internal types.
IConfig config = DefaultConfig.Instance.WithArtifactsPath(Path.Combine(Path.GetTempPath(), "zstdfs-benchmarks"))
    .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
