namespace ZstdFs.Core.Checking;

/// <summary>Counts faults and passes them on. Thread-safe.</summary>
internal sealed class FaultReport(CheckProgress progress, ICheckObserver observer)
{
    internal void Add(byte[] path, FaultKind kind, string detail = "", bool isMended = false)
    {
        var fault = new Fault(path, kind, detail, isMended);
        progress.Note(fault);
        observer.Found(fault);
    }
}
