using System.Runtime.ExceptionServices;
using System.Text;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Mounting;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.FileSystem;

/// <summary>
/// Managed memory that an op takes in steady state, from the protocol layer's call to the source and back: none.
/// </summary>
[TestFixture(CodecChoice.Native)]
[TestFixture(CodecChoice.Managed)]
internal sealed class AllocationTests(CodecChoice codec) : IEventLog
{
    private const int WarmUpRounds = 3_000, Rounds = 3_000;
    private const ulong Root = 1;

    private static readonly byte[] Name = "file\0"u8.ToArray();

    private readonly string _folder = Directory.CreateTempSubdirectory("zstdfs-test-").FullName;
    private readonly byte[] _data = new byte[4096];
    private readonly RequestContext _context = new(1, 0, 0, (uint)Environment.ProcessId);
    private ZstdFileSystem _fileSystem = null!;

    [OneTimeSetUp]
    public void Open()
    {
        Assert.That(
            SystemCallsAt.Open(new NativeName(Encoding.UTF8.GetBytes(_folder + "\0")),
                OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor root),
            Is.GreaterThanOrEqualTo(0));
        _fileSystem = ServedSource.Open(root, new FileSystemOptions { Codec = codec }, this).FileSystem;
        new Random(1).NextBytes(_data);
    }

    [OneTimeTearDown]
    public void Close()
    {
        Assert.That(_fileSystem.Drain(), Is.Zero);
        _fileSystem.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A file of this many bytes, open: one frame in memory, or many under a working copy.</summary>
    [TestCase(20_000)]
    [TestCase(3_000_000)]
    public void LookupGetattrReadWrite_AllocateNothing(int bytes) => OnAnOpsThread(() => UseFile(bytes));

    private void UseFile(int bytes)
    {
        Assert.That(
            _fileSystem.Create(_context, Root, new NativeName(Name), OpenFlags.ReadWrite, 0x81A4, 0,
                out FuseEntryOut entry, out FuseOpenOut open),
            Is.Zero);
        for (int offset = 0; offset < bytes; offset += _data.Length)
            Write(entry.NodeId, open.Handle, offset);
        Assert.Multiple(() =>
        {
            Assert.That(Measured(i => Write(entry.NodeId, open.Handle, i * 4093L % (bytes - 5000))), Is.Zero,
                "bytes in WRITE");
            Assert.That(Measured(i => Read(entry.NodeId, open.Handle, i * 4093L % (bytes - 5000))), Is.Zero,
                "bytes in READ");
            Assert.That(Measured(_ => Attributes(entry.NodeId)), Is.Zero, "bytes in GETATTR, open");
        });
        Assert.That(_fileSystem.IoControl(_context, Root, 0, 0, ControlCommands.Sync, 0, default, default), Is.Zero);
        Assert.That(Measured(i => Read(entry.NodeId, open.Handle, i * 4093L % (bytes - 5000))), Is.Zero,
            "bytes in READ, committed");
        Assert.That(_fileSystem.Flush(_context, entry.NodeId, open.Handle, 0), Is.Zero);
        _fileSystem.Release(_context, entry.NodeId, open.Handle, 0);
        Assert.Multiple(() =>
        {
            Assert.That(Measured(_ => Attributes(entry.NodeId)), Is.Zero, "bytes in GETATTR");
            Assert.That(Measured(_ => Lookup(entry.NodeId)), Is.Zero, "bytes in LOOKUP");
        });
    }

    /// <summary>Rewound, so that the folder is read each time.</summary>
    [Test]
    public void ListingAnOpenFolder_AllocatesNothing() => OnAnOpsThread(UseFolder);

    private void UseFolder()
    {
        Assert.That(
            _fileSystem.Create(_context, Root, new NativeName(Name), OpenFlags.ReadWrite, 0x81A4, 0,
                out FuseEntryOut entry, out FuseOpenOut open),
            Is.Zero);
        _fileSystem.Release(_context, entry.NodeId, open.Handle, 0);
        Assert.That(_fileSystem.OpenDirectory(_context, Root, 0, out FuseOpenOut folder), Is.Zero);
        Assert.That(Measured(_ => List(folder.Handle)), Is.Zero, "bytes in READDIR");
        _fileSystem.ReleaseDirectory(_context, Root, folder.Handle);
    }

    [TearDown]
    public void Remove() => Assert.That(_fileSystem.Unlink(_context, Root, new NativeName(Name)), Is.Zero);

    /// <summary>
    /// An op that creates a file changes the umask and the secure bits of its thread for good. A program that a later
    /// test started from this thread would keep root's capabilities as another user.
    /// </summary>
    private static void OnAnOpsThread(Action test)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                test();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    private static long Measured(Action<int> op)
    {
        for (int i = 0; i < WarmUpRounds; i++)
            op(i);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Rounds; i++)
            op(i);
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        // One object in every round would be more; the runtime itself takes a few bytes once.
        return bytes < Rounds ? 0 : bytes;
    }

    private void Write(ulong node, ulong handle, long offset)
    {
        if (_fileSystem.Write(_context, node, handle, offset, _data, WriteFlags.KillSuidSgid, 0) != _data.Length)
            throw new InvalidOperationException("WRITE");
    }

    private void Read(ulong node, ulong handle, long offset)
    {
        Span<byte> data = stackalloc byte[4096];
        if (_fileSystem.Read(_context, node, handle, offset, data) != data.Length)
            throw new InvalidOperationException("READ");
    }

    private void List(ulong handle)
    {
        Span<byte> entries = stackalloc byte[4096];
        var writer = new DirectoryWriter(entries, plus: false);
        if (_fileSystem.ReadDirectory(_context, Root, handle, 0, ref writer) != 0 || writer.BytesWritten != 3 * 32)
            throw new InvalidOperationException("READDIR");
    }

    private void Lookup(ulong node)
    {
        if (_fileSystem.Lookup(_context, Root, new NativeName(Name), out FuseEntryOut entry) != 0
            || entry.NodeId != node)
            throw new InvalidOperationException("LOOKUP");
    }

    private void Attributes(ulong node)
    {
        if (_fileSystem.GetAttributes(_context, node, FuseFileSystem.NoHandle, out FuseAttrOut attributes) != 0
            || attributes.Attr.Ino != node)
            throw new InvalidOperationException("GETATTR");
    }

    public void Information(string message) { }

    public void Warning(string message) { }

    public void Error(string message) { }
}
