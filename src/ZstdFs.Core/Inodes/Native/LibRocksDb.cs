using System.Runtime.InteropServices;

namespace ZstdFs.Core.Inodes.Native;

/// <summary>
/// rocksdb/c.h of 7.8, as much of it as is used. Errors come as text through the last argument and belong to the
/// caller, as do values; only <see cref="RocksDatabase"/> calls these functions, and frees both.
/// </summary>
/// <remarks>
/// Why not the NuGet package RocksDB: its binding makes delegates with Reflection.Emit, which a native program does not
/// have; it takes 0.25 s to load and 50 MiB of memory; and its libraries are 47 MiB, of which a mount without
/// inodes=rocksdb uses nothing. These forty imports cost nothing until the first call.
/// </remarks>
internal static unsafe partial class LibRocksDb
{
    private const string Library = RocksLibrary.Name;

    // Runs before the first call of an import of this class.
    static LibRocksDb() => NativeLibrary.SetDllImportResolver(typeof(LibRocksDb).Assembly, RocksLibrary.Resolve);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_create")]
    internal static partial nint CreateOptions();

    [LibraryImport(Library, EntryPoint = "rocksdb_options_destroy")]
    internal static partial void DestroyOptions(nint options);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_create_if_missing")]
    internal static partial void SetCreateIfMissing(nint options, byte value);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_write_buffer_size")]
    internal static partial void SetWriteBufferBytes(nint options, nuint bytes);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_max_open_files")]
    internal static partial void SetMaxOpenFiles(nint options, int count);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_max_background_jobs")]
    internal static partial void SetMaxBackgroundJobs(nint options, int count);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_keep_log_file_num")]
    internal static partial void SetKeepLogFiles(nint options, nuint count);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_info_log_level")]
    internal static partial void SetLogLevel(nint options, int level);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_compression")]
    internal static partial void SetCompression(nint options, int kind);

    [LibraryImport(Library, EntryPoint = "rocksdb_options_set_block_based_table_factory")]
    internal static partial void SetTableOptions(nint options, nint tableOptions);

    [LibraryImport(Library, EntryPoint = "rocksdb_block_based_options_create")]
    internal static partial nint CreateTableOptions();

    [LibraryImport(Library, EntryPoint = "rocksdb_block_based_options_destroy")]
    internal static partial void DestroyTableOptions(nint tableOptions);

    [LibraryImport(Library, EntryPoint = "rocksdb_block_based_options_set_block_cache")]
    internal static partial void SetBlockCache(nint tableOptions, nint cache);

    [LibraryImport(Library, EntryPoint = "rocksdb_block_based_options_set_cache_index_and_filter_blocks")]
    internal static partial void SetCacheIndexBlocks(nint tableOptions, byte value);

    [LibraryImport(Library, EntryPoint = "rocksdb_cache_create_lru")]
    internal static partial nint CreateCache(nuint bytes);

    [LibraryImport(Library, EntryPoint = "rocksdb_cache_destroy")]
    internal static partial void DestroyCache(nint cache);

    [LibraryImport(Library, EntryPoint = "rocksdb_open")]
    internal static partial nint Open(nint options, byte* path, out byte* error);

    [LibraryImport(Library, EntryPoint = "rocksdb_close")]
    internal static partial void Close(nint database);

    [LibraryImport(Library, EntryPoint = "rocksdb_destroy_db")]
    internal static partial void DestroyDatabase(nint options, byte* path, out byte* error);

    [LibraryImport(Library, EntryPoint = "rocksdb_free")]
    internal static partial void Free(void* memory);

    [LibraryImport(Library, EntryPoint = "rocksdb_readoptions_create")]
    internal static partial nint CreateReadOptions();

    [LibraryImport(Library, EntryPoint = "rocksdb_readoptions_destroy")]
    internal static partial void DestroyReadOptions(nint options);

    [LibraryImport(Library, EntryPoint = "rocksdb_writeoptions_create")]
    internal static partial nint CreateWriteOptions();

    [LibraryImport(Library, EntryPoint = "rocksdb_writeoptions_destroy")]
    internal static partial void DestroyWriteOptions(nint options);

    [LibraryImport(Library, EntryPoint = "rocksdb_flushoptions_create")]
    internal static partial nint CreateFlushOptions();

    [LibraryImport(Library, EntryPoint = "rocksdb_flushoptions_destroy")]
    internal static partial void DestroyFlushOptions(nint options);

    [LibraryImport(Library, EntryPoint = "rocksdb_flush")]
    internal static partial void Flush(nint database, nint options, out byte* error);

    [LibraryImport(Library, EntryPoint = "rocksdb_get")]
    internal static partial byte* Get(
        nint database, nint options, byte* key, nuint keyBytes, out nuint valueBytes, out byte* error);

    [LibraryImport(Library, EntryPoint = "rocksdb_writebatch_create")]
    internal static partial nint CreateBatch();

    [LibraryImport(Library, EntryPoint = "rocksdb_writebatch_destroy")]
    internal static partial void DestroyBatch(nint batch);

    [LibraryImport(Library, EntryPoint = "rocksdb_writebatch_clear")]
    internal static partial void ClearBatch(nint batch);

    [LibraryImport(Library, EntryPoint = "rocksdb_writebatch_put")]
    internal static partial void Put(nint batch, byte* key, nuint keyBytes, byte* value, nuint valueBytes);

    [LibraryImport(Library, EntryPoint = "rocksdb_writebatch_delete")]
    internal static partial void Delete(nint batch, byte* key, nuint keyBytes);

    [LibraryImport(Library, EntryPoint = "rocksdb_write")]
    internal static partial void Write(nint database, nint options, nint batch, out byte* error);
}
