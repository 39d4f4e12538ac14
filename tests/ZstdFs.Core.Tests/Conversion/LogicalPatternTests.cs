using System.Text;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Tests.Compression;

namespace ZstdFs.Core.Tests.Conversion;

/// <summary>Patterns are about names as users see them, also where the source has them shortened or escaped.</summary>
[TestFixture]
internal sealed class LogicalPatternTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    [Test]
    public void NameBeyondTheLimit_IsRevertedByItsEnding()
    {
        string name = new string('n', 248) + ".json";
        _source.Write(name, Samples.Text(500));
        _source.Write("other.log", Samples.Text(500));
        Assert.That(_source.Convert().Files, Is.EqualTo(2));
        Assert.That(
            _source.Convert(new ConversionOptions
            {
                Kind = ConversionKind.Revert,
                Include = [Encoding.UTF8.GetBytes("*.json")]
            }).Files,
            Is.EqualTo(1));
        Assert.That(File.Exists($"{_source.Path}/{name}"), Is.True);
    }

    [Test]
    public void EscapedFolder_IsExcludedByTheNameThatUsersSee([Values("b.zst", "b.zst/*")] string pattern)
    {
        _source.Write("b/x", Samples.Text(500));
        _source.Write("y", Samples.Text(500));
        Assert.That(_source.Convert().Files, Is.EqualTo(2));
        Directory.Move($"{_source.Path}/b", $"{_source.Path}/b.zs%");
        _source.Convert(new ConversionOptions
        {
            Kind = ConversionKind.Revert,
            Exclude = [Encoding.UTF8.GetBytes(pattern)]
        });
        Assert.That(File.Exists($"{_source.Path}/y"), Is.True);
        Assert.That(Directory.GetFiles(_source.Path, "x.zst", SearchOption.AllDirectories), Has.Length.EqualTo(1));
    }
}
