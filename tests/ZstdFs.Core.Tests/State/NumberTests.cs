using ZstdFs.Core.State;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.State;

/// <summary>Inode numbers that the source's allocator gives.</summary>
internal sealed class NumberTests
{
    private const int Several = 200_000; // of blocks of 65,536

    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource()
    {
        SetImmutable(false);
        _source.Dispose();
    }

    private string StateFile => _source.Path + "/.zstdfs/state";

    [Test]
    public void EveryNumber_IsReservedInTheStateFileBeforeItIsGiven()
    {
        var given = new HashSet<ulong>();
        for (int mount = 0; mount < 3; mount++)
        {
            // It does not end well: what the next one knows is what is in the file.
            _source.WithState((_, state) =>
            {
                ulong reserved = 0;
                for (int i = 0; i < Several; i++)
                {
                    ulong number = state.AllocateInodeNumber();
                    Assert.That(given.Add(number), Is.True, "given twice");
                    if (number >= reserved)
                        Assert.That(number,
                            Is.LessThan(reserved = StateRecord.Read(File.ReadAllBytes(StateFile)).ReservedUpTo));
                }
            });
        }
    }

    [Test]
    public void StateThatCannotBeWritten_StopsNobodyAtOnce_AndRepeatsNoNumber()
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("making a file immutable needs root");
        var given = new HashSet<ulong>();
        _source.WithState((_, state) =>
        {
            if (!SetImmutable(true))
                Assert.Ignore("the tests' folder must be on a file system with inode flags");
            int result;
            while ((result = state.TryAllocateInodeNumber(out ulong number)) == 0)
                Assert.That(given.Add(number), Is.True);
            Assert.That((Errno)(-result), Is.EqualTo(Errno.EPERM));
            Assert.That(given, Has.Count.GreaterThan(60_000));
            Assert.That(state.AllocateInodeNumber, Throws.InstanceOf<IOException>());
        });
        SetImmutable(false);
        _source.WithState((_, state) =>
        {
            for (int i = 0; i < Several; i++)
                Assert.That(given.Add(state.AllocateInodeNumber()), Is.True);
        });
    }

    /// <summary>Also for whoever has it open already.</summary>
    private bool SetImmutable(bool immutable)
    {
        if (!File.Exists(StateFile))
            return false;
        using FileDescriptor file = Open();
        return InodeFlags.Get(file, out uint flags) >= 0
            && InodeFlags.Set(file, immutable ? flags | InodeFlags.Immutable : flags & ~InodeFlags.Immutable) >= 0;
    }

    private FileDescriptor Open()
    {
        Assert.That(
            SystemCallsAt.Open(new NativeName(System.Text.Encoding.UTF8.GetBytes(StateFile + "\0")), OpenFlags.ReadOnly,
                out FileDescriptor file),
            Is.GreaterThanOrEqualTo(0));
        return file;
    }
}
