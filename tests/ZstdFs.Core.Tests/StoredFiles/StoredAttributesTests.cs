using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.StoredFiles;

/// <summary>What the next version of a file takes over from the one before.</summary>
internal sealed class StoredAttributesTests
{
    [Test]
    public void AttributeThatAnotherProgramRemovesMeanwhile_IsPassedOver()
    {
        const int Copies = 20_000;
        using var source = new TestSource();
        source.Write("from", [1]);
        source.Write("to", [1]);
        using FileDescriptor from = source.OpenFile("from"), to = source.OpenFile("to");
        if (Set(from) < 0)
            Assert.Ignore("the tests' folder must be on a file system with extended attributes");
        Assert.That(SystemCallsAt.Stat(from, out Statx stat), Is.Zero);
        bool isDone = false;
        var other = new Thread(() =>
        {
            while (!Volatile.Read(ref isDone))
            {
                Set(from);
                _ = ExtendedAttributes.Remove(from, new NativeName("user.fleeting\0"u8));
            }
        }) { IsBackground = true };
        other.Start();
        int failed = 0;
        try
        {
            for (int i = 0; i < Copies && failed >= 0; i++)
                failed = Math.Min(0, StoredAttributes.Copy(from, to, stat));
        }
        finally
        {
            Volatile.Write(ref isDone, true);
            other.Join();
        }
        Assert.That((Errno)(-failed), Is.EqualTo(Errno.None));
    }

    private static int Set(FileDescriptor file) =>
        ExtendedAttributes.Set(file, new NativeName("user.fleeting\0"u8), "v"u8, 0);
}
