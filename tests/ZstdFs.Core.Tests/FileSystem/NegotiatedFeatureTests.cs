using System.Runtime.InteropServices;
using System.Text;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Mounting;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Tests;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.FileSystem;

/// <summary>
/// A scripted kernel takes each INIT flag away in turn: nothing that depends on the flag is used then, and files can be
/// used all the same.
/// </summary>
internal sealed class NegotiatedFeatureTests : IEventLog
{
    private const ulong Root = 1;
    private const uint SetIdMode = 0x8DED; // S_IFREG | 06755

    private readonly string _folder = Directory.CreateTempSubdirectory("zstdfs-test-").FullName;
    private ZstdFileSystem _fileSystem = null!;

    private static InitFlags[] Withheld => [0, .. Enum.GetValues<InitFlags>()];

    [SetUp]
    public void Open()
    {
        var path = new NativeName(Encoding.UTF8.GetBytes(_folder + "\0"));
        Assert.That(SystemCallsAt.Open(path, OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor root),
            Is.GreaterThanOrEqualTo(0));
        _fileSystem = ServedSource.Open(root, new FileSystemOptions(), this).FileSystem;
    }

    [TearDown]
    public void Close()
    {
        Assert.That(_fileSystem.Drain(), Is.Zero);
        _fileSystem.Dispose();
        Directory.Delete(_folder, recursive: true);
        Directory.CreateDirectory(_folder);
    }

    [OneTimeTearDown]
    public void RemoveFolder() => Directory.Delete(_folder);

    [Test]
    public void WithoutAFlag_NothingThatDependsOnItIsUsed([ValueSource(nameof(Withheld))] InitFlags withheld)
    {
        using ScriptedKernel kernel = Start(withheld, out InitFlags granted);
        using (Assert.EnterMultipleScope())
        {
            (ulong node, FuseOpenOut writer) = Create(kernel, "f");
            Assert.That(Has(writer, OpenReplyFlags.DirectIo), Is.EqualTo(granted.HasFlag(InitFlags.DirectIoAllowMmap)),
                "who only writes is direct");
            Assert.That(kernel.Error(FuseOpcode.Write, node, Body.Write(writer.Handle, 0, "content"u8.ToArray())),
                Is.Zero);

            FuseOpenOut reader = OpenFile(kernel, node, OpenFlags.ReadOnly);
            Assert.That(Has(reader, OpenReplyFlags.DirectIo), Is.EqualTo(granted.HasFlag(InitFlags.DirectIoAllowMmap)),
                "so is who reads meanwhile");
            Assert.That(kernel.Ask(FuseOpcode.Read, node, Body.Read(reader.Handle, 0, 100), out _),
                Is.EqualTo("content"u8.ToArray()));
            Close(kernel, node, reader);
            Close(kernel, node, writer);

            Close(kernel, node, OpenFile(kernel, node, OpenFlags.ReadOnly));
            reader = OpenFile(kernel, node, OpenFlags.ReadOnly);
            bool hearsOfChanges = (granted & (InitFlags.ExplicitInvalidateData | InitFlags.AutoInvalidateData)) != 0;
            Assert.That(Has(reader, OpenReplyFlags.KeepCache), Is.EqualTo(hearsOfChanges), "pages are kept");
            Assert.That(Has(reader, OpenReplyFlags.Passthrough), Is.False, "nothing was lent");
            Close(kernel, node, reader);

            SetAndReadAttribute(kernel, node, granted.HasFlag(InitFlags.SetXattrExt));
            Assert.That(List(kernel, granted.HasFlag(InitFlags.DoReadDirPlus)), Does.Contain("f"));
        }
    }

    [Test]
    public void PagesAreDroppedByOneOfTheTwoWays([ValueSource(nameof(Withheld))] InitFlags withheld)
    {
        using ScriptedKernel kernel = Start(withheld, out InitFlags granted);
        InitFlags ways = granted & (InitFlags.ExplicitInvalidateData | InitFlags.AutoInvalidateData);
        Assert.That(ways, Is.AnyOf(InitFlags.ExplicitInvalidateData, InitFlags.AutoInvalidateData));
        Assert.That(granted & withheld, Is.EqualTo((InitFlags)0));
    }

    [TestCase(InitFlags.HandleKillPrivV2, 0x1EDu)]
    [TestCase((InitFlags)0, 0xDEDu)]
    public void WithoutTheKernelsWord_SetIdBitsGoWithTheContent(InitFlags withheld, uint expected)
    {
        using ScriptedKernel kernel = Start(withheld, out _);
        (ulong node, FuseOpenOut writer) = Create(kernel, "f");
        Close(kernel, node, writer);
        var change = new FuseSetattrIn { Valid = SetattrValid.Mode, Mode = SetIdMode };
        Assert.That(kernel.Error(FuseOpcode.SetAttr, node, Bytes(change)), Is.Zero);
        Close(kernel, node, OpenFile(kernel, node, OpenFlags.WriteOnly | OpenFlags.Truncate));
        FuseAttrOut shown = MemoryMarshal.Read<FuseAttrOut>(kernel.Ask(FuseOpcode.GetAttr, node, new byte[16], out _));
        Assert.That(shown.Attr.Mode & 0xFFF, Is.EqualTo(expected),
            "06755 with the kernel's word that the caller may keep it, 0755 without a word");
    }

    private ScriptedKernel Start(InitFlags withheld, out InitFlags granted)
    {
        var kernel = new ScriptedKernel(_fileSystem, new SessionOptions
        {
            Threads = 1,
            MaxWriteBytes = 128 * 1024,
            ExportSupport = true,
            KeepsPages = _fileSystem.TellsOfChanges,
            Passthrough = Credentials.IsRoot,
        })
        { PassesNotificationsOver = true };
        granted = kernel.Init(without: withheld).AllFlags;
        return kernel;
    }

    private static (ulong Node, FuseOpenOut Open) Create(ScriptedKernel kernel, string name)
    {
        byte[] reply = kernel.Ask(FuseOpcode.Create, Root,
            Body.Of(OpenFlags.WriteOnly | OpenFlags.Create, 0x81A4u, 0u, 0u, name), out int error);
        Assert.That(error, Is.Zero);
        return (MemoryMarshal.Read<FuseEntryOut>(reply).NodeId, MemoryMarshal.Read<FuseOpenOut>(reply.AsSpan(128)));
    }

    private static FuseOpenOut OpenFile(ScriptedKernel kernel, ulong node, int flags)
    {
        byte[] reply = kernel.Ask(FuseOpcode.Open, node, Body.Of(flags, 0u), out int error);
        Assert.That(error, Is.Zero);
        return MemoryMarshal.Read<FuseOpenOut>(reply);
    }

    private static void Close(ScriptedKernel kernel, ulong node, FuseOpenOut open)
    {
        Assert.That(kernel.Error(FuseOpcode.Flush, node, Body.Of(open.Handle, 0ul, 0ul)), Is.Zero);
        Assert.That(kernel.Error(FuseOpcode.Release, node, Body.Of(open.Handle, 0u, 0u, 0ul)), Is.Zero);
    }

    private static void SetAndReadAttribute(ScriptedKernel kernel, ulong node, bool isExtended)
    {
        byte[] value = "value"u8.ToArray();
        byte[] head = isExtended ? Body.Of((uint)value.Length, 0u, 0u, 0u) : Body.Of((uint)value.Length, 0u);
        Assert.That(kernel.Error(FuseOpcode.SetXattr, node, Body.Of(head, "user.a", value)), Is.Zero);
        Assert.That(kernel.Ask(FuseOpcode.GetXattr, node, Body.Of(100u, 0u, "user.a"), out _), Is.EqualTo(value));
    }

    private static string List(ScriptedKernel kernel, bool plus)
    {
        FuseOpenOut listing =
            MemoryMarshal.Read<FuseOpenOut>(kernel.Ask(FuseOpcode.OpenDir, Root, Body.Of(0, 0u), out _));
        byte[] entries = kernel.Ask(plus ? FuseOpcode.ReadDirPlus : FuseOpcode.ReadDir, Root,
            Body.Read(listing.Handle, 0, 4096), out int error);
        Assert.That(error, Is.Zero);
        Assert.That(kernel.Error(FuseOpcode.ReleaseDir, Root, Body.Of(listing.Handle, 0u, 0u, 0ul)), Is.Zero);
        return Encoding.Latin1.GetString(entries);
    }

    private static bool Has(FuseOpenOut open, OpenReplyFlags flag) => (open.OpenFlags & flag) != 0;

    private static byte[] Bytes<T>(T value) where T : unmanaged => MemoryMarshal.AsBytes([value]).ToArray();

    public void Information(string message) { }

    public void Warning(string message) { }

    public void Error(string message) => Assert.Fail(message);
}
