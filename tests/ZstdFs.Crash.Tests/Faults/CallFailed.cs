using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Faults;

/// <summary>The file system answered a program with an error: the program ends here.</summary>
internal sealed class CallFailed(string op, Errno errno) : Exception($"{op}: {errno}");
