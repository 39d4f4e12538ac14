using System.Globalization;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Histories;

/// <summary>Files on a mount, by the system calls of this process.</summary>
internal sealed class MountedFiles(string mount) : IFiles
{
    private string At(string path) => Path.Combine(mount, path);

    public void Replace(string path, byte[] content) => File.WriteAllBytes(At(path), content);

    public IOpenedFile Open(string path, bool creates, bool writeOnly, int flags)
    {
        if (flags != 0)
            return new Opened(OpenNative(path, (writeOnly ? OpenFlags.WriteOnly : OpenFlags.ReadWrite) | flags));
        return new Stream(new FileStream(At(path), creates ? FileMode.OpenOrCreate : FileMode.Open,
            writeOnly ? FileAccess.Write : FileAccess.ReadWrite, FileShare.ReadWrite, 0));
    }

    public void SynchronizeFolder(string path)
    {
        using FileDescriptor folder = OpenNative(path, OpenFlags.ReadOnly | OpenFlags.Directory);
        Assert.That(SystemCallsFile.Synchronize(folder), Is.Zero);
    }

    /// <summary>
    /// In a process of its own: a page fault that this one serves itself stops its garbage collector for ever.
    /// </summary>
    public void WriteMapped(string path, int offset, byte[] patch)
    {
        const string Script = "import mmap, sys; f = open(sys.argv[1], 'r+b'); m = mmap.mmap(f.fileno(), 0); "
            + "p = bytes.fromhex(sys.argv[3]); a = int(sys.argv[2]); m[a:a + len(p)] = p; m.flush()";
        Ext4.Run("python3", "-c", Script, At(path), offset.ToString(CultureInfo.InvariantCulture),
            Convert.ToHexString(patch));
    }

    public Action WriteUnnamed(string path, byte[] content)
    {
        using FileDescriptor folder = OpenNative("", OpenFlags.PathOnly | OpenFlags.Directory);
        Assert.That(
            SystemCallsAt.Open(folder, new NativeName(Ext4.Native(".")), OpenFlags.ReadWrite | OpenFlags.TemporaryFile,
                0b110_100_100, out FileDescriptor file),
            Is.GreaterThanOrEqualTo(0));
        Assert.That(SystemCallsFile.Write(file, 0, content), Is.Zero);
        Assert.That(SystemCallsFile.Synchronize(file), Is.Zero);
        return () =>
        {
            using (file)
            using (FileDescriptor root = OpenNative("", OpenFlags.PathOnly | OpenFlags.Directory))
                Assert.That(SystemCallsAt.Link(file, root, new NativeName(Ext4.Native(path))), Is.Zero);
        };
    }

    public void MakeFolder(string path) => Directory.CreateDirectory(At(path));

    public void Rename(string from, string to)
    {
        if (Directory.Exists(At(from)))
            Directory.Move(At(from), At(to));
        else
            File.Move(At(from), At(to), overwrite: true);
    }

    public void Exchange(string one, string other)
    {
        using FileDescriptor folder = OpenNative("", OpenFlags.PathOnly | OpenFlags.Directory);
        Assert.That(
            SystemCallsAt.Rename(folder, new NativeName(Ext4.Native(one)), folder, new NativeName(Ext4.Native(other)),
                RenameFlags.Exchange),
            Is.Zero);
    }

    public void Link(string from, string to) => Ext4.Run("ln", At(from), At(to));

    public void Delete(string path) => File.Delete(At(path));

    public void SetMode(string path, UnixFileMode mode) => File.SetUnixFileMode(At(path), mode);

    public void SetTime(string path, long seconds) =>
        File.SetLastWriteTimeUtc(At(path), DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime);

    public void SetAttribute(string path, string name, byte[] value)
    {
        using FileDescriptor file = OpenNative(path, OpenFlags.ReadWrite);
        Assert.That(ExtendedAttributes.Set(file, new NativeName(Ext4.Native(name)), value, 0), Is.Zero);
    }

    private FileDescriptor OpenNative(string path, int flags)
    {
        Assert.That(SystemCallsAt.Open(new NativeName(Ext4.Native(At(path))), flags, out FileDescriptor file),
            Is.GreaterThanOrEqualTo(0), path);
        return file;
    }

    private sealed class Stream(FileStream file) : IOpenedFile
    {
        public void Write(long offset, byte[] data)
        {
            file.Position = offset;
            file.Write(data);
        }

        public void SetLength(long bytes) => file.SetLength(bytes);

        public void Synchronize() => file.Flush(flushToDisk: true);

        public void Dispose() => file.Dispose();
    }

    private sealed class Opened(FileDescriptor file) : IOpenedFile
    {
        public void Write(long offset, byte[] data) => Assert.That(SystemCallsFile.Write(file, offset, data), Is.Zero);

        public void SetLength(long bytes) => Assert.That(SystemCallsFile.Truncate(file, bytes), Is.Zero);

        public void Synchronize() => Assert.That(SystemCallsFile.Synchronize(file), Is.Zero);

        public void Dispose() => file.Dispose();
    }
}
