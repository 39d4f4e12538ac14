using System.Diagnostics;
using ZstdFs.Mount.Tests.Harness;
using ZstdFs.Mount.Tests.Passthrough;

namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>
/// What a program was told is safe while it still has the file open: SIGKILL of the daemon right after each barrier
/// loses nothing of it. Power cuts after the same barriers are in the crash tests' scenarios.
/// </summary>
[CancelAfter(120_000)]
internal sealed class BarrierTests
{
    // Every file is written by its own barrier, and none is closed: close is a barrier too.
    private const string Script = """
        import mmap, os, sys
        os.chdir(sys.argv[1])
        kept = []
        def content(size, seed): return (str(seed) * 7 + ' barrier ').encode() * (size // 9 + 1)
        for size in (3000, 3000000):
            def make(name, flags=0):
                fd = os.open(f'{name}-{size}', os.O_RDWR | os.O_CREAT | flags, 0o644)
                kept.append(fd)
                return fd
            data = content(size, size)[:size]
            f = make('fsync'); os.pwrite(f, data, 0); os.fsync(f)
            f = make('fdatasync'); os.pwrite(f, data, 0); os.fdatasync(f)
            f = make('o-sync', os.O_SYNC); os.pwrite(f, data, 0)
            f = make('o-dsync', os.O_DSYNC); os.pwrite(f, data, 0)
            f = make('msync'); os.ftruncate(f, size); m = mmap.mmap(f, size); kept.append(m); m[:] = data; m.flush()
            f = make('again'); os.pwrite(f, b'x' * size, 0); os.fsync(f); os.pwrite(f, data, 0); os.fsync(f)
            f = make('rwf-dsync'); os.pwritev(f, [data], 0, os.RWF_DSYNC)
            f = make('rwf-sync'); os.pwritev(f, [data], 0, os.RWF_SYNC)
            f = make('appended', os.O_APPEND | os.O_DSYNC); os.write(f, data[:1000]); os.write(f, data[1000:])
            f = make('remapped'); os.pwrite(f, b'y' * size, 0); os.fsync(f); m = mmap.mmap(f, size); kept.append(m)
            m[:] = data; m.flush()
            f = make('patched'); os.pwrite(f, data, 0); os.fsync(f); os.pwrite(f, b'PATCH', 1000); os.fdatasync(f)
        # A file that was stored before: its mapping is made durable, and no descriptor is open any more.
        f = os.open('stored', os.O_RDWR); m = mmap.mmap(f, 3000000); os.close(f); kept.append(m)
        m[1000:1005] = b'PATCH'; m.flush()
        os.rename('moved', 'folder-entry'); d = os.open('.', os.O_RDONLY); os.fsync(d)
        os.mkdir('folder'); kept.append(os.open('folder/named', os.O_RDWR | os.O_CREAT))
        d = os.open('folder', os.O_RDONLY); os.fsync(d)
        print('done', flush=True)
        sys.stdin.read()
        """;

    [Test]
    public void KillAfterEachBarrier_LosesNothingOfFilesThatAreStillOpen()
    {
        using MountedFolder folder = MountedFolder.Create();
        File.WriteAllBytes(Path.Combine(folder.Mount, "stored"), Content(3_000_000));
        File.WriteAllText(Path.Combine(folder.Mount, "moved"), "moved");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        string script = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "script.py");
        File.WriteAllText(script, Script);
        using (Process program = Process.Start(new ProcessStartInfo("python3",
            [script, folder.Mount]) { RedirectStandardInput = true, RedirectStandardOutput = true })!)
        {
            string? said = program.StandardOutput.ReadLine();
            folder.Kill();
            program.Kill();
            program.WaitForExit();
            Assert.That(said, Is.EqualTo("done"));
        }
        folder.Crash();
        folder.Start();
        foreach (int size in new[] { 3000, 3_000_000 })
        {
            byte[] expected = Content(size);
            foreach (string name in new[] { "fsync", "fdatasync", "o-sync", "o-dsync", "msync", "again", "rwf-dsync",
                "rwf-sync", "appended", "remapped" })
                Assert.That(
                    File.ReadAllBytes(Path.Combine(folder.Mount, $"{name}-{size}")).AsSpan().SequenceEqual(expected),
                    Is.True, () => $"{name} {size}\n{folder.Log}");
            "PATCH"u8.CopyTo(expected.AsSpan(1000));
            Assert.That(
                File.ReadAllBytes(Path.Combine(folder.Mount, $"patched-{size}")).AsSpan().SequenceEqual(expected),
                Is.True, () => $"patched {size}\n{folder.Log}");
        }
        byte[] stored = Content(3_000_000);
        "PATCH"u8.CopyTo(stored.AsSpan(1000));
        Assert.That(File.ReadAllBytes(Path.Combine(folder.Mount, "stored")).AsSpan().SequenceEqual(stored), Is.True,
            () => folder.Log);
        Assert.That(File.ReadAllText(Path.Combine(folder.Mount, "folder-entry")), Is.EqualTo("moved"));
        Assert.That(File.Exists(Path.Combine(folder.Mount, "folder/named")), Is.True);
        folder.Unmount();
        Shell.Get($"find '{folder.Source}' -name '*.zst' -print0 | xargs -0 -r zstd -qt");
    }

    /// <summary>
    /// No descriptor is open whose close would make the kernel write, and each page waits in the kernel alone.
    /// </summary>
    [Test]
    public void Sync_StoresWhatProgramsStoredThroughMappings([Values(5000, 3_000_000, 60_000_000)] int size)
    {
        using MountedFolder folder = MountedFolder.Create();
        LentFile.Run(folder, $$"""
            write_whole("f", b"text " * {{size / 5}}, synced=False)
            sync()
            fd = os.open("f", os.O_RDWR); mapping = Mapping(fd); os.close(fd)
            for i in range(5):
                for at in [*range(0, {{size}}, 4096), {{size - 1}}]: mapping[at:at + 1] = bytes([i])
                sync()
                assert stored() == bytes(mapping), i
            mapping.close()
            """);
    }

    private static byte[] Content(int size)
    {
        byte[] unit = System.Text.Encoding.ASCII.GetBytes(
            string.Concat(Enumerable.Repeat(size.ToString(System.Globalization.CultureInfo.InvariantCulture), 7))
            + " barrier ");
        byte[] content = new byte[size];
        for (int at = 0; at < size; at += unit.Length)
            unit.AsSpan(0, Math.Min(unit.Length, size - at)).CopyTo(content.AsSpan(at));
        return content;
    }
}
