using System.Text;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Checking;
using ZstdFs.Core.Source;

namespace ZstdFs.Core.Tests.Checking;

/// <summary>Where an interrupted check of the data goes on.</summary>
internal sealed class CheckMarkTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource()
    {
        _source = new TestSource();
        _source.WithState((_, _) => { });
    }

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    private string MarkFile => _source.Path + "/.zstdfs/check";

    private T With<T>(string folder, Func<CheckMark, T> work)
    {
        using var tree = new SourceTree(_source.Open(), readOnly: false);
        return work(new CheckMark(tree, Encoding.UTF8.GetBytes(folder)));
    }

    private string Resume(string folder) => With(folder, mark => Encoding.UTF8.GetString(mark.Resume()));

    private void Interrupt(string folder, bool resumes, params string[] done) => With(folder, mark =>
    {
        if (resumes)
            mark.Resume();
        foreach (string path in done)
            mark.Begin(Encoding.UTF8.GetBytes(path))();
        mark.Save();
        return 0;
    });

    [Test]
    public void CheckOfOneFolder_IsNotWhereTheCheckOfAnotherGoesOn()
    {
        Interrupt("z", resumes: false, "z/a.zst", "z/d/b.zst");
        Assert.That(Resume("z"), Is.EqualTo("z/d/b.zst"));
        Assert.That(Resume(""), Is.Empty, "what comes before it was never looked at");
        Assert.That(Resume("z/d"), Is.Empty);
        Assert.That(Resume("zz"), Is.Empty);
        Interrupt("", resumes: true, "a.zst");
        Assert.That(Resume(""), Is.EqualTo("a.zst"));
        Assert.That(Resume("z"), Is.Empty);
    }

    [Test]
    public void CheckThatWasResumed_DoesNotLoseWhatTheOneBeforeHadDone()
    {
        Interrupt("", resumes: false, "a.zst", "d/b.zst", "d/c.zst");
        Interrupt("", resumes: true, "a.zst", "d/b.zst");
        Assert.That(Resume(""), Is.EqualTo("d/c.zst"));
        Interrupt("", resumes: true, "a.zst", "d/b.zst", "d/c.zst", "e/a.zst");
        Assert.That(Resume(""), Is.EqualTo("e/a.zst"));
        Interrupt("", resumes: false, "a.zst");
        Assert.That(Resume(""), Is.EqualTo("a.zst"), "a check from the beginning is another one");
    }

    [Test]
    public void MarkOfAnEarlierVersion_WhichDoesNotTellItsFolder_IsNotUsed()
    {
        foreach (string text in new[] { "z/d/b.zst", "z", "", "\0", "\0z" })
        {
            File.WriteAllText(MarkFile, text);
            Assert.That(Resume(""), Is.Empty);
            Assert.That(Resume("z"), Is.Empty);
        }
    }

    [Test]
    public void CompleteCheck_RemovesItsOwnMark()
    {
        Interrupt("z", resumes: false, "z/a.zst");
        With("y", mark => { mark.Remove(); return 0; });
        Assert.That(Resume("z"), Is.EqualTo("z/a.zst"));
        With("z", mark => { mark.Remove(); return 0; });
        Assert.That(File.Exists(MarkFile), Is.False);
    }

    [Test]
    public void DamageBeforeTheMarkOfAnotherFolder_IsFoundByAResumedCheck()
    {
        _source.Write("a", Compression.Samples.Text(5000));
        _source.Write("z/b", Compression.Samples.Text(5000));
        _source.Convert();
        byte[] stored = File.ReadAllBytes(_source.Path + "/a.zst");
        stored[stored.Length / 2] ^= 0x10;
        File.WriteAllBytes(_source.Path + "/a.zst", stored);
        Interrupt("z", resumes: false, "z/b.zst");
        _source.Check(new CheckOptions { Data = true, Resume = true });
        Assert.That(_source.Faults.Select(f => Encoding.UTF8.GetString(f.Path)), Has.Some.EqualTo("a.zst"));
    }
}
