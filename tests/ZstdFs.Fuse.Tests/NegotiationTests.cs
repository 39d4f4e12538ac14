using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>INIT.</summary>
internal sealed class NegotiationTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [TestCase(31u, 31u)]
    [TestCase(36u, 36u)]
    [TestCase(45u, 45u)]
    [TestCase(99u, 45u)]
    public void Init_SettlesOnTheSmallerMinor(uint offered, uint expected)
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem);
        FuseInitOut settled = kernel.Init(offered);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((settled.Major, settled.Minor), Is.EqualTo((7u, expected)));
            Assert.That(settled.MaxWrite, Is.EqualTo(128 * 1024));
            Assert.That(settled.MaxPages, Is.EqualTo(32));
            Assert.That(settled.MaxReadahead, Is.EqualTo(128 * 1024));
            Assert.That(settled.AllFlags.HasFlag(InitFlags.AtomicOpenTruncate | InitFlags.MaxPages), Is.True);
            Assert.That(settled.AllFlags.HasFlag(InitFlags.NoExportSupport), Is.EqualTo(offered >= 36),
                "flags2 exists from 7.36 on");
            Assert.That(kernel.Session.WaitUntilServing(Patience), Is.True);
            Assert.That(fileSystem.Connection,
                Is.EqualTo(new NegotiatedConnection(7, expected, 128 * 1024, (ulong)settled.AllFlags, KeepsPages: false,
                    MapsDirectFiles: offered >= 36,
                SaysWhoKeepsPrivileges: true, NamesOwnersOnly: false, fileSystem.Connection.Notifier,
                    BackingFiles: null)));
        }
        Assert.That(kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]), Is.Zero);
    }

    [Test]
    public void EveryFlag_IsEitherTakenOrLeft()
    {
        InitFlags all = Enum.GetValues<InitFlags>().Aggregate((flags, flag) => flags | flag);
        InitFlags[] parts = [Negotiation.Wanted, Negotiation.Left, InitFlags.PosixAcl, InitFlags.Passthrough,
            InitFlags.AllowIdmap, InitFlags.ExportSupport, InitFlags.NoExportSupport, InitFlags.ExplicitInvalidateData,
            InitFlags.AutoInvalidateData];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(parts.Aggregate((flags, part) => flags | part), Is.EqualTo(all));
            Assert.That(parts.Sum(part => BitOperations.PopCount((ulong)part)), Is.EqualTo(43), "none is in two parts");
            Assert.That((ulong)all, Is.EqualTo((1ul << 43) - 1), "bits 0 to 42");
        }
    }

    [TestCase(true, false, false, true), TestCase(false, true, true, false)]
    public void OfEveryFlag_TheWantedOnesAreTaken(bool posixAcl, bool exportSupport, bool keepsPages, bool passthrough)
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem(),
            new SessionOptions { Threads = 1, PosixAcl = posixAcl, ExportSupport = exportSupport,
                KeepsPages = keepsPages, Passthrough = passthrough });
        FuseInitOut settled = kernel.Init();
        Assert.That((settled.AllFlags, settled.MaxStackDepth), Is.EqualTo((
            Negotiation.Wanted | (posixAcl ? InitFlags.PosixAcl : 0) | (exportSupport ? InitFlags.ExportSupport
                : InitFlags.NoExportSupport)
                | (passthrough ? InitFlags.Passthrough : 0) | (keepsPages ? InitFlags.ExplicitInvalidateData
                    : InitFlags.AutoInvalidateData),
            passthrough ? 1u : 0u)));
    }

    [Test]
    public void FlagThatIsNotOffered_IsNotTaken()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem());
        Assert.That(
            kernel.Init(
                without: InitFlags.SetXattrExt | InitFlags.HasExpireOnly).AllFlags & (
                    InitFlags.SetXattrExt | InitFlags.HasExpireOnly),
            Is.EqualTo((InitFlags)0));
    }

    [Test]
    public void PagesAreLeftToTheKernel_WhereWritesPastThemLeaveThemAsTheyWere()
    {
        using var kernel =
            new ScriptedKernel(new RecordingFileSystem(), new SessionOptions { Threads = 1, KeepsPages = true });
        InitFlags flags = kernel.Init(without: InitFlags.DirectIoAllowMmap).AllFlags;
        Assert.That((flags.HasFlag(InitFlags.AutoInvalidateData), flags.HasFlag(InitFlags.ExplicitInvalidateData)),
            Is.EqualTo((true, false)));
    }

    [TestCase(false, true, true, false), TestCase(true, false, true, false), TestCase(true, true, false, false)]
    [TestCase(true, true, true, true)]
    public void MapsOfOwners_AreAllowed_WhereTheKernelChecksPermissions(bool asked, bool acls, bool offered,
        bool allowed)
    {
        var fileSystem = new RecordingFileSystem();
        var options = new SessionOptions { Threads = 1, AllowsIdMaps = asked, PosixAcl = acls };
        using var kernel = new ScriptedKernel(fileSystem, options);
        FuseInitOut settled = kernel.Init(without: offered ? 0 : InitFlags.PosixAcl);
        Assert.That(settled.AllFlags.HasFlag(InitFlags.AllowIdmap), Is.EqualTo(allowed));
        Assert.That(fileSystem.Connection.NamesOwnersOnly, Is.EqualTo(allowed));
    }

    [Test]
    public void NewerMajor_IsToldOurs_AndAsksAgain()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem());
        FuseInitOut ours = MemoryMarshal.Read<FuseInitOut>(
            kernel.Ask(FuseOpcode.Init, 0, ScriptedKernel.InitBody(8, 1, ScriptedKernel.AllFlags), out int error));
        Assert.That((error, ours.Major, ours.Minor), Is.EqualTo((0, 7u, 45u)));
        Assert.That(kernel.Session.WaitUntilServing(TimeSpan.Zero), Is.False);
        kernel.Init();
        Assert.That(kernel.Session.WaitUntilServing(Patience), Is.True);
    }

    [TestCase(6u, 45u), TestCase(7u, 30u), TestCase(7u, 0u)]
    public void VersionTooOld_IsEproto_AndTold(uint major, uint minor)
    {
        var told = new ConcurrentQueue<string>();
        using var kernel = new ScriptedKernel(new RecordingFileSystem(),
            new SessionOptions { Threads = 1, OnFailure = (_, _, exception) => told.Enqueue(exception.Message) });
        Assert.That(kernel.Error(FuseOpcode.Init, 0, ScriptedKernel.InitBody(major, minor, 0)),
            Is.EqualTo((int)Errno.EPROTO));
        Assert.That(told.Single(), Does.Contain($"{major}.{minor}"));
        Assert.That(kernel.Session.WaitUntilServing(Patience), Is.False);
    }

    [Test]
    public void SecondInit_IsEinval()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem());
        kernel.Init();
        Assert.That(kernel.Error(FuseOpcode.Init, 0, ScriptedKernel.InitBody(7, 45, 0)), Is.EqualTo((int)Errno.EINVAL));
        Assert.That(kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]), Is.Zero);
    }

    [Test]
    public void TruncatedInit_IsEinval()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem());
        byte[] body = ScriptedKernel.InitBody(7, 45, ScriptedKernel.AllFlags);
        for (int length = 0; length < 20; length++)
            Assert.That(kernel.Error(FuseOpcode.Init, 0, body.AsSpan(0, length)), Is.EqualTo((int)Errno.EINVAL),
                $"{length} bytes");
        Assert.That(kernel.Error(FuseOpcode.Init, 0, body.AsSpan(0, 20)), Is.Zero, "what follows is unused");
    }

    [Test]
    public void RequestBeforeInit_IsEio()
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem);
        Assert.That(kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]), Is.EqualTo((int)Errno.EIO));
        Assert.That(fileSystem.TakeCalls(), Is.Empty);
    }

    [Test]
    public void FileSystemThatThrowsAtInit_IsNotServing()
    {
        using var kernel =
            new ScriptedKernel(new RecordingFileSystem { Result = _ => throw new InvalidDataException("broken") });
        Assert.That(kernel.Error(FuseOpcode.Init, 0, ScriptedKernel.InitBody(7, 45, 0)), Is.EqualTo((int)Errno.EIO));
        Assert.That(kernel.Session.WaitUntilServing(Patience), Is.False);
    }

    [TestCase(4096u), TestCase(65536u), TestCase(1048576u)]
    public void MaxWrite_IsAnOption(uint bytes)
    {
        var fileSystem = new RecordingFileSystem { Result = op => op == FuseOpcode.Write ? bytes : 0 };
        using var kernel = new ScriptedKernel(fileSystem, new SessionOptions { Threads = 1, MaxWriteBytes = bytes });
        FuseInitOut settled = kernel.Init();
        Assert.That((settled.MaxWrite, settled.MaxPages), Is.EqualTo((bytes, bytes / 4096)));
        // A socket carries less than the device does.
        if (bytes <= 65536)
            Assert.That(kernel.Error(FuseOpcode.Write, 5, Body.Write(44, 0, new byte[bytes])), Is.Zero);
    }

    [TestCase(0, 4096u), TestCase(1, 0u), TestCase(1, 4095u), TestCase(1, 6000u), TestCase(1, 2u << 20)]
    public void OptionOutOfBounds_IsRefused(int threads, uint maxWriteBytes)
    {
        using var device = new FileDescriptor();
        Assert.That(
            () => new FuseSession(device, new RecordingFileSystem(),
                new SessionOptions { Threads = threads, MaxWriteBytes = maxWriteBytes }),
            Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
