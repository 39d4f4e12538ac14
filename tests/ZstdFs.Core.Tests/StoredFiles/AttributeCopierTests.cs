using System.Text;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Tests.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.StoredFiles;

/// <summary>A conversion leaves out the attributes that are ours, and no others.</summary>
[TestFixture]
internal sealed class AttributeCopierTests
{
    [Test]
    public void UsersAttributeThatBeginsLikeOurs_IsKept()
    {
        using var source = new TestSource();
        source.Write("x", Samples.Text(500));
        Set(source, "x", "user.zstdfs_foo");
        Set(source, "x", "user.zstdfs.tried");
        source.Convert();
        Assert.That(
            (Has(source, "x.zst", "user.zstdfs_foo"), Has(source, "x.zst", "user.zstdfs.tried")),
            Is.EqualTo((true, false)));
        source.Convert(new ConversionOptions { Kind = ConversionKind.Revert });
        Assert.That(Has(source, "x", "user.zstdfs_foo"), Is.True);
    }

    private static void Set(TestSource source, string file, string name)
    {
        using FileDescriptor opened = source.OpenFile(file);
        Assert.That(ExtendedAttributes.Set(opened, Name(name), "value"u8, 0), Is.Zero);
    }

    private static bool Has(TestSource source, string file, string name)
    {
        using FileDescriptor opened = source.OpenFile(file);
        return ExtendedAttributes.Get(opened, Name(name), default) >= 0;
    }

    private static NativeName Name(string name) => new(Encoding.ASCII.GetBytes(name + '\0'));
}
