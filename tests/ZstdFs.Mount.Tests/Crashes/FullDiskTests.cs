using ZstdFs.Mount.Tests.Damage;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>
/// The source's file system is full to the last block, or has no inode or quota left, or was made read-only under the
/// mount: the writer is told, what was there stays, also through a kill, and once there is space the work goes on.
/// </summary>
[CancelAfter(120_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class FullDiskTests
{
    private const int SmallBytes = 20_000, LargeBytes = 4_000_000;

    private static readonly Dictionary<int, string> ErrorNames = new()
    {
        [NativeFileException.NoSpace] = "ENOSPC",
        [NativeFileException.QuotaExceeded] = "EDQUOT",
        [NativeFileException.ReadOnly] = "EROFS",
        [NativeFileException.Input] = "EIO",
    };

    private readonly Dictionary<string, byte[]> _old = [];
    private readonly Dictionary<string, byte[]> _new = [];
    private readonly HashSet<string> _acknowledged = [];
    private readonly List<string> _outcomes = [];

    [TestCase("ext4", 64)]
    [TestCase("btrfs", 128)]
    [TestCase("xfs", 300)]
    public void NoBlockLeft_TheWriterIsToldAndNothingIsLost(string type, int sizeMib)
    {
        using LoopImage image = LoopImage.Create(type, sizeMib);
        string filler = Path.Combine(image.Root, "filler");
        Try($"{type}, no block left", image, NativeFileException.NoSpace,
            () => Shell.Run(
                $"cat /dev/zero > {filler}; for i in $(seq 200); do head -c 4096 /dev/zero >> {filler} || "
                + $"break; done; sync -f {image.Root}; for i in $(seq 50); "
                + $"do head -c 4096 /dev/zero >> {filler} || break; done"),
            () => File.Delete(filler));
    }

    /// <summary>
    /// The kernel takes blocks one by one, and leaves zeros in those that it got before there was none.
    /// </summary>
    [TestCase("ext4", 64, "-b 1024", 6_000_000, 4096)]
    [TestCase("ext4", 64, "", 6_000_000, 131_072)]
    // More than the daemon may have put by.
    [TestCase("xfs", 300, "", 40_000_000, 131_072)]
    [TestCase("btrfs", 128, "", 24_000_000, 131_072)]
    public void RefusedWrite_LeavesNothingBehindForTheNextMount(string type, int sizeMib, string options, int length,
        int bytes)
    {
        using LoopImage image = LoopImage.Create(type, sizeMib, makeOptions: options);
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        // What compresses would find room.
        byte[] old = Content(length, 3), next = Content(bytes, 9);
        string outside = TestMachine.CreateFolder(), pattern = Path.Combine(outside, "next");
        File.WriteAllBytes(pattern, next);
        NativeFile.Save(Path.Combine(folder.Mount, "f"), old);
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        string filler = Path.Combine(image.Root, "filler");
        // XFS gives the blocks of what was removed back in its own time.
        Shell.Run(
            $"cd '{image.Root}'; for i in $(seq 8); do free=$(( $(stat -f -c '%f * %S' .) - 400000 )); "
            + "[ $free -le 0 ] || head -c $free /dev/urandom >> filler; sync -f .; sleep 0.2; done");
        ShellResult written = Shell.Run($$"""
            cd '{{folder.Mount}}' && python3 - <<'END'
            import os
            next = open("{{pattern}}", "rb").read()
            fd = os.open("f", os.O_RDWR)
            at = 2048
            try:
                while at + len(next) <= {{length}}:
                    os.pwrite(fd, next, at)
                    at += len(next) + 4096
            except OSError as e: print(e.errno)
            os.close(fd)
            END
            """);
        Assert.That(written.Output, Does.Contain("28"), () => $"the disk had room for all\n{written}");
        folder.Crash();
        File.Delete(filler);
        folder.Start();
        byte[] found = File.ReadAllBytes(Path.Combine(folder.Mount, "f"));
        Assert.That(found, Has.Length.EqualTo(old.Length));
        for (int i = 0; i < old.Length; i++)
        {
            int within = (i - 2048) % (bytes + 4096);
            if (found[i] != old[i] && !(within >= 0 && within < bytes && found[i] == next[within]))
                Assert.Fail($"byte {i} is {found[i]}, and was {old[i]}\n{folder.Log}");
        }
        Directory.Delete(outside, recursive: true);
    }

    [Test]
    public void NoInodeLeft_TheWriterIsToldAndNothingIsLost()
    {
        using LoopImage image = LoopImage.Create("ext4", 64, makeOptions: "-N 128");
        string folder = Path.Combine(image.Root, "taken");
        Try("ext4, no inode left", image, NativeFileException.NoSpace,
            () => Shell.Run($"mkdir {folder}; cd {folder}; for i in $(seq 200); do : > $i || break; done"),
            () => Directory.Delete(folder, recursive: true));
    }

    [Test]
    public void QuotaUsedUp_TheWriterIsToldAndNothingIsLost()
    {
        using LoopImage image = LoopImage.Create("btrfs", 256);
        string source = Path.Combine(image.Root, "source");
        Shell.Get($"btrfs quota enable '{image.Root}' && btrfs subvolume create '{source}'");
        Try("btrfs, quota used up", image, NativeFileException.QuotaExceeded,
            () => Shell.Get(
                $"sync -f '{source}'; btrfs quota rescan -w '{source}' >&2; btrfs qgroup limit 1M '{source}'"),
            () => Shell.Get($"btrfs quota disable '{image.Root}'"));
    }

    [Test]
    public void MadeReadOnlyByTheKernel_TheWriterIsToldAndNothingIsLost()
    {
        using LoopImage image = LoopImage.Create("ext4", 64);
        // What the kernel does after an error of the disk (errors=remount-ro), although files are open for writing.
        string sysfs = Shell.Get($"basename \"$(findmnt -no SOURCE '{image.Root}')\"");
        Shell.Get($"mount -o remount,errors=remount-ro '{image.Root}'");
        Try("ext4, made read-only by the kernel after an error", image, NativeFileException.ReadOnly,
            () => Shell.Get($"echo 1 > /sys/fs/ext4/{sysfs}/trigger_fs_error"), static () => { }, repair: image.Repair);
    }

    private void Try(string row, LoopImage image, int errno, Action fill, Action free, Action? repair = null)
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        foreach ((string name, int bytes) in new[] { ("small", SmallBytes), ("large", LargeBytes),
            ("appended", SmallBytes), ("patched", LargeBytes), ("linked", SmallBytes), ("truncated", LargeBytes) })
            NativeFile.Save(Path.Combine(folder.Mount, name), _old[name] = Content(bytes, name.Length));
        NativeFile.Link(Path.Combine(folder.Mount, "linked"), Path.Combine(folder.Mount, "linked-too"));
        _old["linked-too"] = _old["linked"];
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);

        fill();
        Write(folder, errno);
        Assert.That(_outcomes, Has.Some.EndsWith($"errno {errno}"), "nothing was refused: it proved nothing");
        Check(folder, "while there is no space");
        folder.Crash();
        repair?.Invoke();
        folder.Start();
        if (Shell.Run($"findmnt -no OPTIONS '{folder.Mount}' | grep -qw ro").ExitCode == 0)
        {
            // Not even the state could be written: what was closed is waiting for the next mount that can.
            free();
            folder.Remount();
        }
        Check(folder, "after a kill");
        free();
        GoOn(folder);
        DamageTable.CheckRow(row, $"refused with {ErrorNames[errno]}; nothing lost");
        TestContext.Out.WriteLine(string.Join('\n', _outcomes));
    }

    private void Write(MountedFolder folder, int errno)
    {
        string At(string name) => Path.Combine(folder.Mount, name);
        Op("small", Content(SmallBytes + 5000, 11), errno, content => NativeFile.Save(At("small"), content));
        Op("large", Content(LargeBytes + 500_000, 12), errno, content => NativeFile.Save(At("large"), content));
        Op("appended", [.. _old["appended"], .. Content(50_000, 13)], errno, content =>
        {
            using var file = new NativeFile(At("appended"), NativeFile.ForWriting);
            file.Write(content.AsSpan(SmallBytes), SmallBytes);
            file.Synchronize();
            file.Close();
        });
        byte[] patched = (byte[])_old["patched"].Clone();
        Content(300_000, 14).CopyTo(patched, 1_000_000);
        Op("patched", patched, errno, content =>
        {
            using var file = new NativeFile(At("patched"), NativeFile.ForWriting);
            file.Write(content.AsSpan(1_000_000, 300_000), 1_000_000);
            file.Synchronize();
            file.Close();
        });
        Op("linked", Content(SmallBytes + 30_000, 15), errno, content => NativeFile.Save(At("linked"), content));
        _new["linked-too"] = _new["linked"];
        if (_acknowledged.Contains("linked"))
            _acknowledged.Add("linked-too");
        Op("truncated", _old["truncated"][..1_234_567], errno, content =>
        {
            using var file = new NativeFile(At("truncated"), NativeFile.ForWriting);
            file.Truncate(content.Length);
            file.Close();
        });
        for (int i = 0; i < 20; i++)
            Op($"made{i}", Content(50_000 * i, 16 + i), errno, content => NativeFile.Save(At($"made{i}"), content));
    }

    private void Op(string name, byte[] content, int errno, Action<byte[]> write)
    {
        _new[name] = content;
        string outcome = "done";
        try
        {
            write(content);
            _acknowledged.Add(name);
        }
        catch (NativeFileException e)
        {
            int[] expected = [errno, NativeFileException.NoSpace, NativeFileException.Input];
            Assert.That(expected, Does.Contain(e.Errno), () => $"{name}: {e.Message}");
            outcome = e.Message;
        }
        _outcomes.Add($"{name,-12} {outcome}");
    }

    /// <summary>
    /// What was acknowledged is new; all else is wholly old or wholly new, and what never was may be missing or empty.
    /// </summary>
    private void Check(MountedFolder folder, string when)
    {
        foreach (string name in _old.Keys.Union(_new.Keys))
        {
            string path = Path.Combine(folder.Mount, name);
            byte[]? found = File.Exists(path) ? File.ReadAllBytes(path) : null;
            bool isNew = found is not null && found.AsSpan().SequenceEqual(_new[name]);
            // Of a file that never was, what there was space for may be there, as on any file system.
            bool isOld = _old.TryGetValue(name, out byte[]? old)
                ? found is not null && found.AsSpan().SequenceEqual(old)
                : found is null || _new[name].AsSpan().StartsWith(found);
            Assert.That(isNew || isOld && !_acknowledged.Contains(name), Is.True,
                () => $"{when}: {name} is {(found is null ? "missing" : $"{found.Length} bytes")}, "
                    + $"{(_acknowledged.Contains(name) ? "acknowledged" : "refused")}: old {old?.Length}, new "
                    + $"{_new[name].Length}\n{string.Join('\n', _outcomes)}\n{folder.Log}");
        }
    }

    private void GoOn(MountedFolder folder)
    {
        foreach (string name in _new.Keys.ToArray())
            NativeFile.Save(Path.Combine(folder.Mount, name),
                _new[name] = Content(30_000, name.GetHashCode(StringComparison.Ordinal)));
        _acknowledged.UnionWith(_new.Keys);
        _new["linked"] = _new["linked-too"];
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero, () => folder.Log);
        Check(folder, "with space again");
        Shell.Get($"find '{folder.Source}' -name '*.zst' -print0 | xargs -0 -r zstd -qt");
        Assert.That(Directory.GetFileSystemEntries(Path.Combine(folder.Source, ".zstdfs/working")), Is.Empty);
    }

    private static byte[] Content(int bytes, int seed)
    {
        byte[] content = new byte[bytes];
        new Random(seed).NextBytes(content);
        return content;
    }
}
