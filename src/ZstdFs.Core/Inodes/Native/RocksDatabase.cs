using System.Runtime.InteropServices;
using System.Text;

namespace ZstdFs.Core.Inodes.Native;

/// <summary>What RocksDB says where a call fails: its own words.</summary>
internal sealed class RocksException(string message) : Exception(message);

/// <summary>
/// One RocksDB database: keys and values are bytes. A batch collects changes until <see cref="Write"/>; the log of the
/// database makes them outlive the process, not the machine. One thread at a time. Memory is bounded: 2 buffers of 4
/// MiB for what is written, 4 MiB for what is read.
/// </summary>
internal sealed unsafe class RocksDatabase : IDisposable
{
    private const int WriteBufferBytes = 4 << 20, BlockCacheBytes = 4 << 20, MaxOpenFiles = 64, WarningsOnly = 2,
        NoCompression = 0;

    private readonly nint _readOptions;
    private readonly nint _writeOptions;
    private readonly nint _batch;
    private nint _database;

    private RocksDatabase(nint database)
    {
        _database = database;
        _readOptions = LibRocksDb.CreateReadOptions();
        _writeOptions = LibRocksDb.CreateWriteOptions();
        _batch = LibRocksDb.CreateBatch();
    }

    /// <summary>Opens the database in a folder, or makes it.</summary>
    /// <exception cref="RocksException">It is damaged, or cannot be read or written.</exception>
    /// <exception cref="DllNotFoundException">There is no librocksdb.</exception>
    internal static RocksDatabase Open(string folder)
    {
        using var options = new Options();
        fixed (byte* path = Terminated(folder))
        {
            nint database = LibRocksDb.Open(options.Handle, path, out byte* error);
            Check(error);
            return new RocksDatabase(database);
        }
    }

    /// <summary>Removes the files of the database in a folder, and no others.</summary>
    internal static void Destroy(string folder)
    {
        using var options = new Options();
        fixed (byte* path = Terminated(folder))
        {
            LibRocksDb.DestroyDatabase(options.Handle, path, out byte* error);
            Check(error);
        }
    }

    /// <summary>The value, or null where there is none.</summary>
    internal byte[]? Get(ReadOnlySpan<byte> key)
    {
        fixed (byte* start = key)
        {
            byte* value = LibRocksDb.Get(
                _database, _readOptions, start, (nuint)key.Length, out nuint bytes, out byte* error);
            Check(error);
            if (value is null)
                return null;
            byte[] copy = new ReadOnlySpan<byte>(value, (int)bytes).ToArray();
            LibRocksDb.Free(value);
            return copy;
        }
    }

    internal void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyStart = key, valueStart = value)
            LibRocksDb.Put(_batch, keyStart, (nuint)key.Length, valueStart, (nuint)value.Length);
    }

    internal void Delete(ReadOnlySpan<byte> key)
    {
        fixed (byte* start = key)
            LibRocksDb.Delete(_batch, start, (nuint)key.Length);
    }

    /// <summary>Makes the changes since the last call, all or none.</summary>
    internal void Write()
    {
        LibRocksDb.Write(_database, _writeOptions, _batch, out byte* error);
        LibRocksDb.ClearBatch(_batch);
        Check(error);
    }

    /// <summary>Empties the log into a table, so that opening the database replays nothing.</summary>
    internal void Flush()
    {
        nint options = LibRocksDb.CreateFlushOptions();
        LibRocksDb.Flush(_database, options, out byte* error);
        LibRocksDb.DestroyFlushOptions(options);
        Check(error);
    }

    public void Dispose()
    {
        if (_database == 0)
            return;
        LibRocksDb.DestroyBatch(_batch);
        LibRocksDb.DestroyWriteOptions(_writeOptions);
        LibRocksDb.DestroyReadOptions(_readOptions);
        LibRocksDb.Close(_database);
        _database = 0;
    }

    private static byte[] Terminated(string text) => Encoding.UTF8.GetBytes(text + "\0");

    private static void Check(byte* error)
    {
        if (error is null)
            return;
        string message = Marshal.PtrToStringUTF8((nint)error) ?? "unknown error";
        LibRocksDb.Free(error);
        throw new RocksException(message);
    }

    private readonly ref struct Options
    {
        private readonly nint _tables;
        private readonly nint _cache;

        public Options()
        {
            Handle = LibRocksDb.CreateOptions();
            LibRocksDb.SetCreateIfMissing(Handle, 1);
            LibRocksDb.SetWriteBufferBytes(Handle, WriteBufferBytes);
            LibRocksDb.SetMaxOpenFiles(Handle, MaxOpenFiles);
            LibRocksDb.SetMaxBackgroundJobs(Handle, 1);
            LibRocksDb.SetKeepLogFiles(Handle, 1);
            LibRocksDb.SetLogLevel(Handle, WarningsOnly);
            LibRocksDb.SetCompression(Handle, NoCompression);
            _tables = LibRocksDb.CreateTableOptions();
            _cache = LibRocksDb.CreateCache(BlockCacheBytes);
            LibRocksDb.SetBlockCache(_tables, _cache);
            LibRocksDb.SetCacheIndexBlocks(_tables, 1);
            LibRocksDb.SetTableOptions(Handle, _tables);
        }

        internal nint Handle { get; }

        // The database has copies of all three.
        public void Dispose()
        {
            LibRocksDb.DestroyOptions(Handle);
            LibRocksDb.DestroyTableOptions(_tables);
            LibRocksDb.DestroyCache(_cache);
        }
    }
}
