using System.Collections.Concurrent;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Tests;

/// <summary>When a session says that requests follow each other closely.</summary>
internal sealed class BurstTests
{
    private const int PatienceMs = 20_000;

    private readonly BlockingCollection<bool> _told = [];

    [TearDown]
    public void Forget()
    {
        while (_told.TryTake(out _))
        {
        }
    }

    private ScriptedKernel Kernel()
    {
        var kernel =
            new ScriptedKernel(new RecordingFileSystem(), new SessionOptions { Threads = 1, OnBurst = _told.Add });
        kernel.Init();
        return kernel;
    }

    [Test]
    public void ManyRequests_AreABurst_AndItsEndIsTold()
    {
        using ScriptedKernel kernel = Kernel();
        for (int round = 0; round < 2; round++)
        {
            bool isBurst = false;
            for (int i = 0; i < 1_000_000 && !isBurst; i++)
            {
                kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]);
                isBurst = _told.TryTake(out bool begun) && begun;
            }
            Assert.That(isBurst, "nothing was told");
            Assert.That(_told.TryTake(out bool goesOn, PatienceMs) && !goesOn, "the end was not told");
        }
    }

    [Test]
    public void RequestsNowAndThen_AreNone()
    {
        using ScriptedKernel kernel = Kernel();
        for (int i = 0; i < 100; i++)
        {
            kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]);
            Thread.Sleep(5);
        }
        Assert.That(_told, Is.Empty);
    }

    [Test]
    public void NothingIsTold_AfterTheEnd()
    {
        ScriptedKernel kernel = Kernel();
        while (_told.Count == 0)
            kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]);
        kernel.HangUp();
        kernel.Join();
        int told = _told.Count;
        Assert.That(told, Is.EqualTo(2), "the end of the burst is told before the session has ended");
        Thread.Sleep(100);
        Assert.That(_told, Has.Count.EqualTo(told));
        kernel.Dispose();
    }
}
