using ZstdFs.Core.Conversion.Forms;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Takes a file through its pieces. One thread takes a small file, while other threads take other files. All threads
/// take a large file together, with a bounded number of pieces in memory.
/// </summary>
internal sealed class PieceWork(SwapContent content, WorkerPool pool, int slots, ConversionProgress progress)
{
    /// <summary>A file of so many bytes or more is worth all threads.</summary>
    private const long LargeBytes = 4 * 1024 * 1024;

    private sealed class Slot(int room)
    {
        internal readonly byte[] Room = GC.AllocateUninitializedArray<byte>(room);
        internal readonly WorkGroup Work = new();
        internal int Piece, Made;
        internal FileLeftException? Failure;
    }

    private readonly Slot[] _slots = new Slot[slots]; // the walking thread's own

    /// <summary>Whether several threads write the file, piece by piece.</summary>
    internal bool IsLarge(SwapJob job) => job.LogicalBytes >= LargeBytes && !content.IsSequential(job);

    /// <summary>Writes the whole result in this thread.</summary>
    internal void Write(Worker worker, SwapJob job) => Gated(job, () => WriteAll(worker, job));

    private void WriteAll(Worker worker, SwapJob job)
    {
        content.RequireWorthwhile(worker, job);
        int pieces = content.Pieces(job);
        for (int piece = 0; piece < pieces; piece++)
        {
            Span<byte> room = worker.Frame(content.PieceRoom);
            int made = content.Make(worker, job, piece, room);
            content.Append(job, piece, room[..made]);
        }
        content.Finish(worker, job);
    }

    /// <summary>Compares the whole result in this thread.</summary>
    internal void Compare(Worker worker, SwapJob job) => Gated(job, () =>
    {
        int pieces = content.Pieces(job);
        for (int piece = 0; piece < pieces; piece++)
            content.Compare(worker, job, piece);
    });

    private void Gated(SwapJob job, Action work)
    {
        if (!content.IsSequential(job) || content.SequentialGate is not { } gate)
        {
            work();
            return;
        }
        lock (gate)
            work();
    }

    /// <summary>Writes the result with all threads: they make pieces, the caller puts them in order.</summary>
    internal void WriteLarge(SwapJob job, CancellationToken cancellation)
    {
        RunInPool(worker => content.RequireWorthwhile(worker, job));
        int pieces = content.Pieces(job), posted = 0;
        FileLeftException? failure = null;
        for (int piece = 0; piece < pieces || piece < posted; piece++)
        {
            for (;
                posted < Math.Min(pieces, piece + slots) && failure is null && !cancellation.IsCancellationRequested;
                posted++)
                Post(job, posted, _slots[posted % slots] ??= new Slot(content.PieceRoom));
            if (piece >= posted)
                break;
            Slot slot = _slots[piece % slots];
            slot.Work.Wait();
            failure ??= slot.Failure;
            try
            {
                if (failure is null)
                {
                    content.Append(job, piece, slot.Room.AsSpan(0, slot.Made));
                    NoteProgress(job, (double)(piece + 1) / pieces);
                }
            }
            catch (FileLeftException e)
            {
                failure = e;
            }
        }
        if (failure is not null)
            throw failure;
        cancellation.ThrowIfCancellationRequested();
        RunInPool(worker => content.Finish(worker, job));
    }

    /// <summary>
    /// The stored bytes are those appended to a stored result, or the part of the original that is read.
    /// </summary>
    private void NoteProgress(SwapJob job, double part) =>
        progress.NoteUnderWay(
            job,
            (long)(job.LogicalBytes * part),
            job.ResultBytes > 0 ? job.ResultBytes : (long)(job.Stat.Size * part));

    /// <summary>Compares the result with all threads.</summary>
    internal void CompareLarge(SwapJob job)
    {
        FileLeftException? failure = null;
        int pieces = content.Pieces(job), next = -1;
        pool.ForEach(new int[pool.Threads], (worker, _) =>
        {
            try
            {
                for (int piece;
                    Volatile.Read(ref failure) is null && (piece = Interlocked.Increment(ref next)) < pieces;)
                    content.Compare(worker, job, piece);
            }
            catch (Exception e)
            {
                Volatile.Write(
                    ref failure, e as FileLeftException ?? new FileLeftException(LeftReason.Failed, e.Message));
            }
        });
        if (failure is not null)
            throw failure;
    }

    /// <summary>Does something that needs a worker and waits for it.</summary>
    internal void RunInPool(Action<Worker> work)
    {
        Exception? failure = null;
        pool.ForEach(new int[1], (worker, _) =>
        {
            try
            {
                work(worker);
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        if (failure is not null)
            throw failure as FileLeftException ?? new FileLeftException(LeftReason.Failed, failure.Message);
    }

    private void Post(SwapJob job, int piece, Slot slot)
    {
        slot.Piece = piece;
        slot.Failure = null;
        slot.Work.Add();
        pool.Post(worker =>
        {
            try
            {
                slot.Made = content.Make(worker, job, slot.Piece, slot.Room);
            }
            catch (Exception e)
            {
                slot.Failure = e as FileLeftException ?? new FileLeftException(LeftReason.Failed, e.Message);
            }
            slot.Work.Done();
        });
    }
}
