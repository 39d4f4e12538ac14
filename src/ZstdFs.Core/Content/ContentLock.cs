namespace ZstdFs.Core.Content;

/// <summary>
/// Admits several readers, or one writer, or one committer beside readers. The committer keeps writers out while it
/// builds the next base. It becomes exclusive only to put that base in place. Does not allocate.
/// </summary>
internal sealed class ContentLock
{
    private int _readers;
    private bool _committing;
    private bool _isPaused;
    private bool _exclusive;
    private int _waitingWriters;

    /// <summary>A writer waits: a background commit gives way.</summary>
    internal bool HasWaitingWriters => Volatile.Read(ref _waitingWriters) > 0;

    /// <summary>For a test: a writer or an exclusive commit keeps readers out.</summary>
    internal bool IsExclusive => Volatile.Read(ref _exclusive);

    /// <summary>Beside other readers and a commit.</summary>
    internal Scope Reading()
    {
        EnterRead();
        return new Scope(this, Mode.Read);
    }

    /// <summary>Alone.</summary>
    internal Scope Writing()
    {
        EnterWrite();
        return new Scope(this, Mode.Write);
    }

    /// <summary>Beside readers, until it becomes exclusive.</summary>
    internal Scope Committing()
    {
        EnterCommit();
        return new Scope(this, Mode.Commit);
    }

    /// <summary>The same where no other thread writes or commits at this moment; else nothing is held.</summary>
    internal Scope TryCommitting(out bool isFree)
    {
        lock (this)
        {
            isFree = !_exclusive && !_committing;
            _committing |= isFree;
        }
        return isFree ? new Scope(this, Mode.Commit) : default;
    }

    /// <summary>
    /// Lets writers in until <see cref="ResumeCommit"/>, but no other commit, which would do all of the work again.
    /// Only the holder of the commit mode may call this.
    /// </summary>
    internal void PauseCommit()
    {
        lock (this)
        {
            _isPaused = true;
            Monitor.PulseAll(this);
        }
    }

    /// <summary>Ends the pause, once the writer that is in has left.</summary>
    internal void ResumeCommit()
    {
        lock (this)
        {
            while (_exclusive)
                Monitor.Wait(this);
            _isPaused = false;
        }
    }

    private void EnterRead()
    {
        lock (this)
        {
            while (_exclusive || _waitingWriters > 0 && !_committing)
                Monitor.Wait(this);
            _readers++;
        }
    }

    private void ExitRead()
    {
        lock (this)
        {
            if (--_readers == 0)
                Monitor.PulseAll(this);
        }
    }

    private void EnterWrite()
    {
        lock (this)
        {
            _waitingWriters++;
            while (_exclusive || _committing && !_isPaused || _readers > 0)
                Monitor.Wait(this);
            _waitingWriters--;
            _exclusive = true;
        }
    }

    private void ExitWrite()
    {
        lock (this)
        {
            _exclusive = false;
            Monitor.PulseAll(this);
        }
    }

    private void EnterCommit()
    {
        lock (this)
        {
            while (_exclusive || _committing)
                Monitor.Wait(this);
            _committing = true;
        }
    }

    /// <summary>
    /// Waits for the readers and keeps new ones out. Only the holder of the commit mode may call this.
    /// </summary>
    internal void BecomeExclusive()
    {
        lock (this)
        {
            // While a commit is under way, only the commit itself can be exclusive.
            if (_exclusive)
                return;
            _exclusive = true;
            while (_readers > 0)
                Monitor.Wait(this);
        }
    }

    /// <summary>Lets readers in again. Only the holder of the commit mode may call this.</summary>
    internal void BecomeShared()
    {
        lock (this)
        {
            _exclusive = false;
            Monitor.PulseAll(this);
        }
    }

    private void ExitCommit()
    {
        lock (this)
        {
            _committing = _exclusive = false;
            Monitor.PulseAll(this);
        }
    }

    /// <summary>What a holder of the lock may do.</summary>
    internal enum Mode
    {
        Read,
        Write,
        Commit,
    }

    /// <summary>The lock is held until this is disposed of. The default scope holds none.</summary>
    internal readonly ref struct Scope
    {
        private readonly ContentLock _lock;
        private readonly Mode _mode;

        /// <summary>Holds the lock, which is taken already, in this mode.</summary>
        internal Scope(ContentLock held, Mode mode) => (_lock, _mode) = (held, mode);

        public void Dispose()
        {
            if (_mode == Mode.Read)
                _lock?.ExitRead();
            else if (_mode == Mode.Write)
                _lock.ExitWrite();
            else
                _lock?.ExitCommit();
        }
    }
}
