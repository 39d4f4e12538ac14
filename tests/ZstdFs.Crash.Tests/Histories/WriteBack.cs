namespace ZstdFs.Crash.Tests.Histories;

/// <summary>
/// The kernel's flusher, hurried: commits of the journal that write no file's data, and now and then the data of one
/// file.
/// </summary>
internal sealed class WriteBack : IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Thread _thread;

    internal WriteBack(string point, string source, int seed)
    {
        _thread = new Thread(() => Run(point, source, new Random(seed))) { Name = "write-back" };
        _thread.Start();
    }

    private void Run(string point, string source, Random chance)
    {
        using var pulse =
            new FileStream(Path.Combine(point, "pulse"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite, 0);
        while (!_end.IsCancellationRequested)
        {
            if (chance.Next(8) == 0)
                SynchronizeOne(source, chance);
            pulse.Position = 0;
            pulse.WriteByte(0);
            pulse.Flush(flushToDisk: true);
            _end.Token.WaitHandle.WaitOne(chance.Next(3));
        }
    }

    private static void SynchronizeOne(string source, Random chance)
    {
        try
        {
            string[] files = Directory.GetFiles(source, "*", SearchOption.AllDirectories);
            if (files.Length == 0)
                return;
            using var file = new FileStream(files[chance.Next(files.Length)], FileMode.Open, FileAccess.ReadWrite,
                FileShare.ReadWrite | FileShare.Delete, 0);
            file.Flush(flushToDisk: true);
        }
        catch (IOException)
        {
            // It was renamed or deleted meanwhile.
        }
    }

    public void Dispose()
    {
        _end.Cancel();
        _thread.Join();
        _end.Dispose();
    }
}
