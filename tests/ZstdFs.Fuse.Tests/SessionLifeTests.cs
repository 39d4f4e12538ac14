using System.Diagnostics;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>How a session begins and ends.</summary>
internal sealed class SessionLifeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1), Long = TimeSpan.FromMinutes(5);

    [Test]
    public void ReadsThatOnlyFailForNow_AreRepeated()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem(), start: false);
        foreach (Errno error in new[] { Errno.EINTR, Errno.ENOENT, Errno.EAGAIN, Errno.EINTR, Errno.ENOENT })
            kernel.Device.ReadErrors.Enqueue(-(int)error);
        kernel.Session.Start();
        kernel.Init();
        Assert.That(kernel.Device.ReadErrors, Is.Empty);
    }

    [TestCase(Errno.ENODEV), TestCase(Errno.ECONNABORTED), TestCase(Errno.EIO)]
    public void DeviceThatIsGone_EndsTheSession(Errno error)
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem);
        kernel.Init();
        kernel.Device.ReadErrors.Enqueue(-(int)error);
        // Brings the thread back from a read that has begun; where none has, it is never read.
        kernel.Send(FuseOpcode.GetAttr, 1, new byte[16]);
        kernel.Join();
        Assert.That((kernel.Session.EndedBy, fileSystem.TimesDestroyed), Is.EqualTo((error, 1)));
    }

    [Test]
    public void EveryJoin_ReturnsAfterTheOneDestroyed()
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem, new SessionOptions { Threads = 3 });
        kernel.Init();
        kernel.HangUp();
        kernel.Join();
        kernel.Session.Dispose();
        Assert.That(fileSystem.TimesDestroyed, Is.EqualTo(1));
    }

    [Test]
    public void WaitUntilServing_ReturnsEarly_WhenTheSessionDies()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem(), new SessionOptions { Threads = 2 });
        long start = Stopwatch.GetTimestamp();
        Task<bool> waiting = Task.Run(() => kernel.Session.WaitUntilServing(Long));
        Thread.Sleep(50);
        Assert.That(waiting.IsCompleted, Is.False);
        kernel.HangUp();
        Assert.That(waiting.Wait(Patience), Is.True);
        Assert.That((waiting.Result, Stopwatch.GetElapsedTime(start) < Long / 2), Is.EqualTo((false, true)));
    }

    [Test]
    public void WaitUntilServing_ReturnsEarly_WhenInitCannotBeAnswered()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem());
        kernel.Device.WriteErrors.Enqueue(-(int)Errno.ENOENT);
        kernel.Send(FuseOpcode.Init, 0, ScriptedKernel.InitBody(7, 45, 0));
        Assert.That(Task.Run(() => kernel.Session.WaitUntilServing(Long)).Wait(Patience), Is.True);
        Assert.That(kernel.Session.WaitUntilServing(TimeSpan.Zero), Is.False);
    }

    [Test]
    public void WaitUntilServing_IsFalse_WhenTheTimeIsUp()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem());
        Assert.That(kernel.Session.WaitUntilServing(TimeSpan.FromMilliseconds(20)), Is.False);
    }

    [Test]
    public void Stop_RefusesFurtherRequests_AndJoinReturns()
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem, new SessionOptions { Threads = 2 });
        kernel.Init();
        kernel.Session.Stop();
        kernel.Join();
        Assert.That(fileSystem.TimesDestroyed, Is.EqualTo(1));
        Assert.That(kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]), Is.EqualTo((int)Errno.ENOTCONN));
        Assert.That(kernel.Error(FuseOpcode.Unlink, 1, "name\0"u8), Is.EqualTo((int)Errno.ENOTCONN));
        kernel.Send(FuseOpcode.Forget, 1, new byte[8]);
        Assert.That(kernel.Error(FuseOpcode.Destroy, 1, []), Is.EqualTo((int)Errno.ENOTCONN));
        Assert.That(fileSystem.TakeCalls(), Is.Empty);
    }

    [Test]
    public void ThreadsThatNotify_LeaveOneForTheRequestThatTheKernelWaitsFor()
    {
        // The kernel answers such a notification when it has the pages, and those it may have given to a read that
        // nobody has answered yet.
        using var released = new ManualResetEventSlim();
        using var notifying = new CountdownEvent(3);
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem, new SessionOptions { Threads = 2, MaxThreads = 3 });
        kernel.Init();
        kernel.Device.HoldsNotifications = released;
        fileSystem.Result = op =>
        {
            if (op != FuseOpcode.Unlink)
                return 0;
            notifying.Signal();
            return fileSystem.Connection.Notifier.InvalidateInode(1, 0, 0);
        };
        for (int i = 0; i < 3; i++)
            kernel.Send(FuseOpcode.Unlink, 1, "name\0"u8);
        Assert.That(notifying.Wait(Patience), Is.True);
        Assert.That(kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]), Is.Zero);
        released.Set();
    }

    /// <summary>
    /// The process may have no more threads than these. What they have taken is answered, and so is what comes after.
    /// </summary>
    [Test]
    public void SpareThreadThatCannotBeStarted_IsDoneWithout([Values] bool isMemory)
    {
        using var gate = new ManualResetEventSlim();
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem, new SessionOptions { Threads = 2 });
        try
        {
            HoldBothThreads(kernel, fileSystem, gate, isMemory);
        }
        finally
        {
            gate.Set();
        }
        for (int i = 0; i < 2; i++)
            kernel.ReceiveNotification();
        Assert.That(kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]), Is.Zero);
        kernel.HangUp();
        Assert.That(fileSystem.TimesDestroyed, Is.EqualTo(1));
    }

    /// <summary>What both threads do may end only when a third answers the kernel.</summary>
    [Test]
    public void SpareThreadThatCouldNotBeStarted_IsStartedWhenItCan([Values] bool isMemory)
    {
        using var gate = new ManualResetEventSlim();
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem, new SessionOptions { Threads = 2 });
        try
        {
            HoldBothThreads(kernel, fileSystem, gate, isMemory);
            kernel.Session.ThreadStarts = null;
            Assert.That(kernel.Error(FuseOpcode.GetAttr, 1, new byte[16]), Is.Zero);
        }
        finally
        {
            gate.Set();
        }
        for (int i = 0; i < 2; i++)
            kernel.ReceiveNotification();
        kernel.HangUp();
        Assert.That(fileSystem.TimesDestroyed, Is.EqualTo(1));
    }

    /// <summary>Both threads are in an op until the gate opens, and the start of a third one was refused.</summary>
    private static void HoldBothThreads(
        ScriptedKernel kernel, RecordingFileSystem fileSystem, ManualResetEventSlim gate, bool isMemory)
    {
        using var entered = new CountdownEvent(2);
        kernel.Init();
        int refusals = 0;
        kernel.Session.ThreadStarts = () =>
        {
            Interlocked.Increment(ref refusals);
            Type failure = isMemory ? typeof(OutOfMemoryException) : typeof(ThreadStartException);
            throw (Exception)Activator.CreateInstance(failure, nonPublic: true)!;
        };
        fileSystem.Result = op =>
        {
            if (op == FuseOpcode.GetAttr)
                return 0;
            entered.Signal();
            return gate.Wait(Long) ? 0 : -1;
        };
        kernel.Send(FuseOpcode.Unlink, 1, "name\0"u8);
        kernel.Send(FuseOpcode.Unlink, 1, "name\0"u8);
        Assert.That(entered.Wait(Patience), Is.True);
        // The session tries again every so often, so a slow machine counts more than one.
        Assert.That(Volatile.Read(ref refusals), Is.Positive);
    }

    [Test]
    public void Stop_WaitsForOpsUnderWay()
    {
        using var entered = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem, new SessionOptions { Threads = 2 });
        kernel.Init();
        fileSystem.Result = _ =>
        {
            entered.Set();
            return gate.Wait(Long) ? 0 : -1;
        };
        kernel.Send(FuseOpcode.GetAttr, 1, new byte[16]);
        Assert.That(entered.Wait(Patience), Is.True);
        var joining = Task.Run(kernel.Session.Dispose);
        Assert.That(joining.Wait(100), Is.False);
        Assert.That(fileSystem.TimesDestroyed, Is.Zero);
        gate.Set();
        Assert.That(joining.Wait(Patience), Is.True);
        Assert.That(fileSystem.TimesDestroyed, Is.EqualTo(1));
        kernel.Receive(out int error);
        Assert.That(error, Is.Zero);
    }

    [Test]
    public void Stop_BeforeInit_EndsTheWait()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem());
        kernel.Session.Stop();
        Assert.That(kernel.Session.WaitUntilServing(Long), Is.False);
    }

    [Test]
    public void Dispose_OfASessionThatNeverRan_Returns()
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel = new ScriptedKernel(fileSystem, start: false);
        kernel.Session.Dispose();
        Assert.That(fileSystem.TimesDestroyed, Is.EqualTo(1));
    }

    [Test]
    public void SecondStart_IsRefused()
    {
        using var kernel = new ScriptedKernel(new RecordingFileSystem());
        Assert.That(kernel.Session.Start, Throws.InvalidOperationException);
    }

    [Test]
    public void ClosedDevice_AfterAStop_EndsTheThreads()
    {
        Assert.That(DeviceCalls.CreatePair(out FileDescriptor kernel, out FileDescriptor device), Is.Zero);
        using (kernel)
        {
            var session = new FuseSession(device, new RecordingFileSystem(), new SessionOptions { Threads = 1 });
            session.Start();
            session.Dispose();
            device.Dispose();
            // The thread answers this one, or fails to; then it finds the device closed.
            Assert.That(DeviceCalls.Write(kernel, new byte[40]),
                Is.AnyOf(0, -(int)Errno.EPIPE, -(int)Errno.ECONNRESET));
            _ = SpinWait.SpinUntil(() => session.EndedBy != Errno.None, Patience);
            Assert.That(session.EndedBy, Is.EqualTo(Errno.EBADF));
        }
    }

    [Test]
    public void Threads_ServeSideBySide()
    {
        using var gate = new ManualResetEventSlim();
        var fileSystem = new RecordingFileSystem { Result = op => op == FuseOpcode.Read && !gate.Wait(Long) ? -1 : 0 };
        using var kernel = new ScriptedKernel(fileSystem, new SessionOptions { Threads = 2 });
        kernel.Init();
        kernel.Send(FuseOpcode.Read, 5, Body.Read(44, 0, 10));
        // Its reply would be the read's if that were in the way.
        Assert.That(kernel.Error(FuseOpcode.GetAttr, 5, new byte[16]), Is.Zero);
        gate.Set();
    }
}
