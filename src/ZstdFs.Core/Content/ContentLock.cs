namespace ZstdFs.Core.Content;

/// <summary>
/// Readers together, or one writer, or one committer beside readers. The committer keeps writers out while it builds the next base and
/// becomes exclusive only to put it in place. Does not allocate.
/// </summary>
internal sealed class ContentLock
{
    private int _readers;
    private bool _committing;
    private bool _exclusive;
    private int _waitingWriters;

    internal bool HasWaitingWriters => Volatile.Read(ref _waitingWriters) > 0;

    internal void EnterRead()
    {
        lock (this)
        {
            while (_exclusive || _waitingWriters > 0 && !_committing)
                Monitor.Wait(this);
            _readers++;
        }
    }

    internal void ExitRead()
    {
        lock (this)
        {
            if (--_readers == 0)
                Monitor.PulseAll(this);
        }
    }

    internal void EnterWrite()
    {
        lock (this)
        {
            _waitingWriters++;
            while (_exclusive || _committing || _readers > 0)
                Monitor.Wait(this);
            _waitingWriters--;
            _exclusive = true;
        }
    }

    internal void ExitWrite()
    {
        lock (this)
        {
            _exclusive = false;
            Monitor.PulseAll(this);
        }
    }

    internal void EnterCommit()
    {
        lock (this)
        {
            while (_exclusive || _committing)
                Monitor.Wait(this);
            _committing = true;
        }
    }

    /// <summary>Waits for the readers and keeps new ones out. The holder of the commit mode only.</summary>
    internal void BecomeExclusive()
    {
        lock (this)
        {
            // Once a commit is under way nobody else can be.
            if (_exclusive)
                return;
            _exclusive = true;
            while (_readers > 0)
                Monitor.Wait(this);
        }
    }

    internal void ExitCommit()
    {
        lock (this)
        {
            _committing = _exclusive = false;
            Monitor.PulseAll(this);
        }
    }
}
