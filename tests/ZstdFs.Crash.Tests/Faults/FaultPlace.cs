namespace ZstdFs.Crash.Tests.Faults;

/// <summary>A folder in memory for the sources of fault runs.</summary>
internal sealed class FaultPlace : IDisposable
{
    internal string Folder { get; } = Directory.CreateDirectory(Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"zstdfs-faults-{Guid.NewGuid():n}")).FullName;

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
