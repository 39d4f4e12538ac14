using System.Collections.Concurrent;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>Threads for background work: they give way to all other work. They start with the first task.</summary>
internal sealed class LowPriorityThreads(int threads) : TaskScheduler, IDisposable
{
    private readonly BlockingCollection<Task> _tasks = [];
    private int _started;

    public override int MaximumConcurrencyLevel => threads;

    protected override void QueueTask(Task task)
    {
        _tasks.Add(task);
        if (Interlocked.Exchange(ref _started, 1) != 0)
            return;
        for (int i = 0; i < threads; i++)
            new Thread(Run) { IsBackground = true, Name = "compress" }.Start();
    }

    // A thread that waits for a task may run the task itself: only the committing thread does, and it has low priority
    // too.
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks() => _tasks;

    private void Run()
    {
        Scheduling.LowerThread();
        foreach (Task task in _tasks.GetConsumingEnumerable())
            TryExecuteTask(task);
    }

    public void Dispose() => _tasks.CompleteAdding();
}
