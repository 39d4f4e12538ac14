using System.Text.Json;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>
/// <c>zstdfs status</c>, and a commit that failed in the background: it is listed, told to the next writer, and done
/// once it can be.
/// </summary>
[CancelAfter(120_000)]
internal sealed class StatusTests
{
    private static JsonElement Status(MountedFolder folder, int exitCode)
    {
        ShellResult result = folder.Program("status", "--json", folder.Mount);
        Assert.That(result.ExitCode, Is.EqualTo(exitCode), () => $"{result}\n{folder.Log}");
        return JsonDocument.Parse(result.Output).RootElement;
    }

    [Test]
    public void NothingWritten_NothingIsPending()
    {
        using MountedFolder folder = MountedFolder.Create();
        JsonElement status = Status(folder, 0);
        Assert.That(status.GetProperty("pending_files").GetInt32(), Is.Zero);
        Assert.That(status.GetProperty("unexpected_failures").GetInt64(), Is.Zero);
        Assert.That(status.GetProperty("daemon").GetInt32(), Is.EqualTo(folder.Daemon.ProcessId));
        Assert.That(folder.Program("status", folder.Mount).Output, Does.StartWith("0 files"));
    }

    [Test]
    public void FileOpenForWriting_IsListed()
    {
        using MountedFolder folder = MountedFolder.Create();
        using var file = new NativeFile(Path.Combine(folder.Mount, "f"), NativeFile.ForWriting | NativeFile.Create);
        // Starting a program closes a copy of the descriptor, which commits what is small.
        file.Write(new byte[3_000_000], 0);
        JsonElement listed = Status(folder, 0).GetProperty("files")[0];
        Assert.That(listed.GetProperty("path").GetString(), Is.EqualTo("f"));
        Assert.That(listed.GetProperty("bytes").GetInt64(), Is.EqualTo(3_000_000));
        Assert.That(listed.GetProperty("open_for_writing").GetBoolean(), Is.True);
        file.Close();
    }

    [Test]
    public void CommitThatFailsInTheBackground_IsListed_KeptOnTheDisk_AndDoneLater()
    {
        using LoopImage image = LoopImage.Create("ext4", 64);
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        byte[] content = new byte[20_000_000];
        new Random(1).NextBytes(content);
        string path = Path.Combine(folder.Mount, "f"), filler = Path.Combine(image.Root, "filler");
        // There is space for the working copy, and not for the stored file beside it.
        using (var file = new NativeFile(path, NativeFile.ForWriting | NativeFile.Create))
        {
            file.Write(content, 0);
            Shell.Run($"sync -f '{image.Root}'; cat /dev/zero > '{filler}'");
            file.Close();
        }
        Assert.That(Waiting.For(() => folder.Program("status", folder.Mount).ExitCode == 7), Is.True, () => folder.Log);
        JsonElement status = Status(folder, 7);
        Assert.That(status.GetProperty("failed_files").GetInt32(), Is.EqualTo(1));
        Assert.That(status.GetProperty("files")[0].GetProperty("error").GetString(), Is.EqualTo("ENOSPC"));
        // The status has the error a moment before the log has.
        Assert.That(Waiting.For(() => folder.Log.Contains("ENOSPC", StringComparison.Ordinal)), () => folder.Log);
        Assert.That(folder.Log, Does.Contain("f.zst").Or.Contain("f:").And.Contain("ENOSPC"));
        using (var next = new NativeFile(path, NativeFile.ForWriting))
        {
            next.Write(content.AsSpan(0, 4096), 0);
            // What was written is in the working copy: to this writer nothing has failed.
            next.Synchronize();
            next.Close();
        }
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.EqualTo(7));
        File.Delete(filler);
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero, () => folder.Log);
        Assert.That(Status(folder, 0).GetProperty("pending_files").GetInt32(), Is.Zero);
        Assert.That(File.ReadAllBytes(path).AsSpan().SequenceEqual(content), Is.True);
    }

    /// <summary>There is space for nothing: neither for a stored file nor for a working copy.</summary>
    [Test]
    public void WhatIsInMemoryAlone_IsNotCalledKept()
    {
        using LoopImage image = LoopImage.Create("ext4", 64);
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        byte[] content = new byte[100_000];
        new Random(1).NextBytes(content);
        string path = Path.Combine(folder.Mount, "f"), filler = Path.Combine(image.Root, "filler");
        NativeFile.Save(path, "old"u8);
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        Shell.Run($"sync -f '{image.Root}'; cat /dev/zero > '{filler}'");
        using var file = new NativeFile(path, NativeFile.ForBoth);
        file.Write(content, 0);
        ShellResult synced = folder.Program("sync", folder.Mount);
        Assert.That(synced.ExitCode, Is.EqualTo(7), synced.ToString);
        Assert.That(synced.Error, Does.Contain("ENOSPC").And.Contain("1 open files is in memory alone")
            .And.Not.Contain("nothing is lost"));
        JsonElement status = Status(folder, 7);
        Assert.That(status.GetProperty("failed_in_memory").GetInt32(), Is.EqualTo(1));
        Assert.That(status.GetProperty("files")[0].GetProperty("kept").GetBoolean(), Is.False);
        Assert.That(folder.Program("status", folder.Mount).Output, Does.Contain("ENOSPC, in memory alone"));
        File.Delete(filler);
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero, () => folder.Log);
        Assert.That(Status(folder, 0).GetProperty("failed_in_memory").GetInt32(), Is.Zero);
        file.Close();
        Assert.That(File.ReadAllBytes(path).AsSpan().SequenceEqual(content), Is.True);
    }

    [Test]
    public void SecondMount_IsRefusedWithTheHoldersName_AndMayRead()
    {
        using MountedFolder folder = MountedFolder.Create();
        NativeFile.Save(Path.Combine(folder.Mount, "f"), "text"u8);
        string second = folder.Mount + "-2";
        Directory.CreateDirectory(second);
        ShellResult refused = folder.Program("mount", folder.Source, second);
        Assert.That(refused.ExitCode, Is.EqualTo(6), refused.ToString);
        Assert.That(refused.Error, Does.Contain($"process {folder.Daemon.ProcessId} on {Environment.MachineName}"));
        Assert.That(folder.Program("mount", "-o", "ro", folder.Source, second).ExitCode, Is.Zero);
        try
        {
            Assert.That(File.ReadAllText(Path.Combine(second, "f")), Is.EqualTo("text"));
            Assert.That(() => NativeFile.Save(Path.Combine(second, "g"), "x"u8),
                Throws.TypeOf<NativeFileException>().With.Property("Errno").EqualTo(NativeFileException.ReadOnly));
        }
        finally
        {
            Assert.That(folder.Program("unmount", second).ExitCode, Is.Zero);
            Directory.Delete(second);
        }
    }

    [Test]
    public void StaleLock_IsNoObstacle()
    {
        using MountedFolder folder = MountedFolder.Create();
        folder.Crash();
        Assert.That(File.ReadAllText(Path.Combine(folder.Source, ".zstdfs/lock")), Does.StartWith("process "));
        folder.Start();
        NativeFile.Save(Path.Combine(folder.Mount, "f"), "text"u8);
    }
}
