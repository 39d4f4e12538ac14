using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>The first mount of a source makes <c>.zstdfs</c> in its root, which is no change to users.</summary>
/// <param name="Left">The root afterwards.</param>
/// <param name="Shown">The change time that users go on seeing.</param>
internal readonly record struct RootStep(Statx Left, Timestamp Shown);
