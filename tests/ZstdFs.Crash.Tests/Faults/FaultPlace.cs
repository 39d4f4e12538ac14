namespace ZstdFs.Crash.Tests.Faults;

/// <summary>A folder in memory for the sources of fault runs.</summary>
internal sealed class FaultPlace : IDisposable
{
    internal string Folder { get; } = Directory.CreateDirectory(Path.Combine(
        Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"zstdfs-faults-{Guid.NewGuid():n}")).FullName;

    /// <summary>A test that failed with a fault armed must not fail the next one.</summary>
    public void Dispose()
    {
        FailingCalls.Disarm();
        Directory.Delete(Folder, recursive: true);
    }
}
