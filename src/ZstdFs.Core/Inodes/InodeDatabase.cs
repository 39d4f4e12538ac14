using System.Buffers.Binary;
using ZstdFs.Core.Inodes.Native;
using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// The places of all files that the kernel ever knew, in RocksDB: they survive remounts and take no memory. Changes are
/// collected in memory, and a thread of its own writes them in batches. A database that fails is made anew; where that
/// fails too, the mount goes on without it. The same goes for a database that a newer RocksDB wrote and this one cannot
/// read.
/// Key: inode number, 8 bytes, big-endian. Value: the parent's number, 8 bytes, little-endian; the logical name.
/// The key <c>source</c> holds the id of the source that the rest is about.
/// </summary>
internal sealed class InodeDatabase : IInodeStore
{
    private const int HeaderBytes = 2 * sizeof(ulong) + sizeof(int), RemovedMark = -1;
    private const int MostWaitingBytes = 16 << 20, EnoughBytes = 1 << 20;
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(100);

    private readonly FileDescriptor _folder;
    private readonly Guid _source;
    private readonly IEventLog _log;
    private readonly Thread _writer;

    // Guards what waits for the writer. A monitor, because the writer waits on it. Held for a copy of a few bytes.
    private readonly object _waitingGate = new();
    private readonly WaitingRecords _waiting = new();
    private bool _isEnding;
    private bool _hasDropped;

    // Guards the database; held while it reads or writes. Order: before _waitingGate.
    private readonly Lock _databaseGate = new();
    private RocksDatabase? _database;

    private InodeDatabase(FileDescriptor folder, Guid source, IEventLog log)
    {
        (_folder, _source, _log) = (folder, source, log);
        _writer = new Thread(WriteBatches) { IsBackground = true, Name = "inodes" };
    }

    public bool KeepsAll => true;

    /// <summary>Through the descriptor, whatever is mounted over the path meanwhile.</summary>
    private string FolderPath => $"/proc/self/fd/{_folder.Number}";

    /// <summary>
    /// Opens the database in a folder, or makes it; a damaged one, and one about another source, is made anew.
    /// </summary>
    /// <param name="folder">Open for reading; owned from here on.</param>
    /// <param name="source">Id of the source.</param>
    /// <param name="log">Told when the database is made anew.</param>
    /// <exception cref="InodeStoreException">
    /// There is no library, the database is in use, or the folder cannot be written.
    /// </exception>
    internal static InodeDatabase Open(FileDescriptor folder, Guid source, IEventLog log)
    {
        var store = new InodeDatabase(folder, source, log);
        try
        {
            if (SystemCallsFile.TryLock(folder, exclusive: true) < 0)
                throw new InodeStoreException(
                    "the inode database is in use by another zstdfs: give each source its own", isInUse: true);
            store.OpenOrMakeAnew();
        }
        catch (Exception e)
        {
            store._database?.Dispose();
            folder.Dispose();
            throw e switch
            {
                DllNotFoundException or EntryPointNotFoundException => new InodeStoreException(
                    "inodes=rocksdb needs librocksdb 7.8 or newer, which is not installed: install it (on Debian 12: "
                    + "apt-get install librocksdb7.8), or leave the option out", inner: e),
                RocksException => new InodeStoreException(
                    $"the inode database cannot be opened ({e.Message}): give another folder with "
                        + "inodes=rocksdb:PATH, or leave the option out",
                    inner: e),
                _ => e,
            };
        }
        store._writer.Start();
        return store;
    }

    private void OpenOrMakeAnew()
    {
        try
        {
            _database = RocksDatabase.Open(FolderPath);
            byte[]? source = _database.Get("source"u8);
            if (source is null || source.AsSpan().SequenceEqual(_source.ToByteArray()))
            {
                if (source is null)
                    Claim();
                return;
            }
            _log.Warning("the inode database was about another source: it is made anew");
        }
        catch (RocksException e)
        {
            _log.Warning(
                $"the inode database is damaged ({e.Message}): it is made anew, and file handles from before "
                    + "are found by looking through the source");
        }
        MakeAnew();
    }

    private void MakeAnew()
    {
        _database?.Dispose();
        _database = null;
        RocksDatabase.Destroy(FolderPath);
        _database = RocksDatabase.Open(FolderPath);
        Claim();
    }

    private void Claim()
    {
        _database!.Put("source"u8, _source.ToByteArray());
        _database.Write();
    }

    public void Put(ulong id, in InodePlace place) =>
        Wait(id, place.Parent, place.Name.AsSpan(0, place.Name.Length - 1), place.Name.Length - 1);

    public void Remove(ulong id) => Wait(id, 0, default, RemovedMark);

    private void Wait(ulong id, ulong parent, ReadOnlySpan<byte> name, int nameBytes)
    {
        int needed = HeaderBytes + name.Length;
        lock (_waitingGate)
        {
            int before = _waiting.Bytes;
            if (before + needed > MostWaitingBytes)
            {
                // The disk is slower than the kernel forgets. What is missing is found by looking through the source.
                _hasDropped = true;
                return;
            }
            Span<byte> record = _waiting.Add(needed);
            BinaryPrimitives.WriteUInt64LittleEndian(record, id);
            BinaryPrimitives.WriteInt32LittleEndian(record[sizeof(ulong)..], nameBytes);
            BinaryPrimitives.WriteUInt64LittleEndian(record[(sizeof(ulong) + sizeof(int))..], parent);
            name.CopyTo(record[HeaderBytes..]);
            // The first record wakes the writer, and so does the one with which there are enough for a batch.
            if (before == 0 || before < EnoughBytes && before + needed >= EnoughBytes)
                Monitor.Pulse(_waitingGate);
        }
    }

    public bool TryFind(ulong id, out InodePlace place)
    {
        place = default;
        Span<byte> key = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(key, id);
        lock (_databaseGate)
        {
            WriteWaiting();
            byte[]? value = null;
            try
            {
                value = _database?.Get(key);
            }
            catch (RocksException e)
            {
                Heal(e);
            }
            if (value is null || value.Length <= sizeof(ulong))
                return false;
            place = new InodePlace(BinaryPrimitives.ReadUInt64LittleEndian(value), [.. value.AsSpan(sizeof(ulong)), 0]);
            return true;
        }
    }

    private void WriteBatches()
    {
        while (true)
        {
            lock (_waitingGate)
            {
                while (_waiting.Bytes == 0 && !_isEnding)
                    Monitor.Wait(_waitingGate);
                if (_isEnding)
                    return;
                // More records soon follow, and go into the same batch.
                if (_waiting.Bytes < EnoughBytes)
                    Monitor.Wait(_waitingGate, Delay);
            }
            lock (_databaseGate)
                WriteWaiting();
        }
    }

    /// <summary>Caller holds the database's gate.</summary>
    private void WriteWaiting()
    {
        ArraySegment<byte> block = default;
        bool hasDropped;
        do
        {
            lock (_waitingGate)
            {
                if (block.Count > 0)
                    _waiting.GiveBack(block);
                block = _waiting.Take();
                (hasDropped, _hasDropped) = (_hasDropped, false);
            }
            if (hasDropped)
                _log.Warning("the inode database could not keep up: "
                    + "some file handles will be found by looking through the source");
            Write(block);
        }
        while (block.Count > 0);
    }

    private void Write(ReadOnlySpan<byte> records)
    {
        if (_database is null || records.IsEmpty)
            return;
        try
        {
            Span<byte> key = stackalloc byte[sizeof(ulong)];
            while (records.Length > 0)
            {
                BinaryPrimitives.WriteUInt64BigEndian(key, BinaryPrimitives.ReadUInt64LittleEndian(records));
                int nameBytes = BinaryPrimitives.ReadInt32LittleEndian(records[sizeof(ulong)..]);
                int length = HeaderBytes + Math.Max(0, nameBytes);
                if (nameBytes == RemovedMark)
                    _database.Delete(key);
                else
                    _database.Put(key, records[(sizeof(ulong) + sizeof(int))..length]);
                records = records[length..];
            }
            _database.Write();
        }
        catch (RocksException e)
        {
            Heal(e);
        }
    }

    private void Heal(RocksException reason)
    {
        try
        {
            MakeAnew();
            _log.Warning(
                $"the inode database failed ({reason.Message}): it was made anew, and file handles from before "
                    + "are found by looking through the source");
        }
        catch (RocksException e)
        {
            _database?.Dispose();
            _database = null;
            _log.Error(
                $"the inode database failed ({e.Message}) and is not used any more: file handles are found by "
                    + "looking through the source");
        }
    }

    /// <summary>Writes what waits.</summary>
    public void Dispose()
    {
        lock (_waitingGate)
        {
            _isEnding = true;
            Monitor.Pulse(_waitingGate);
        }
        _writer.Join();
        lock (_databaseGate)
        {
            WriteWaiting();
            try
            {
                _database?.Flush();
            }
            catch (RocksException e)
            {
                _log.Warning(
                    $"the inode database could not be written ({e.Message}): some file handles will be found by "
                        + "looking through the source");
            }
            _database?.Dispose();
            _database = null;
        }
        _folder.Dispose();
    }
}
