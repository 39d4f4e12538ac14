using System.Buffers;
using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>
/// Calls on an open file. Results below zero are −errno. Reads and writes are repeated until they are complete.
/// </summary>
public static unsafe class SystemCallsFile
{
    private const int GetDirectoryEntriesNumber = 217;

    /// <summary>pread(2) until the buffer is full or the file ends. Returns the bytes read.</summary>
    public static int Read(FileDescriptor file, long offset, Span<byte> destination)
    {
        int done = 0;
        fixed (byte* p = destination)
        {
            while (done < destination.Length)
            {
                long count = SystemCallResult.From(
                    (long)Libc.ReadAt(file, p + done, (nuint)(destination.Length - done), offset + done));
                if (count == -(int)Errno.EINTR)
                    continue;
                if (count < 0)
                    return (int)count;
                if (count == 0)
                    break;
                done += (int)count;
            }
        }
        return done;
    }

    /// <summary>
    /// pwrite(2) until everything is written. Returns 0; after an error part of it may have been written.
    /// </summary>
    public static int Write(FileDescriptor file, long offset, ReadOnlySpan<byte> data)
    {
        int done = 0;
        fixed (byte* p = data)
        {
            while (done < data.Length)
            {
                long count = SystemCallResult.From(
                    (long)Libc.WriteAt(file, p + done, (nuint)(data.Length - done), offset + done));
                if (count == -(int)Errno.EINTR)
                    continue;
                if (count < 0)
                    return (int)count;
                if (count == 0)
                    return -(int)Errno.ENOSPC;
                done += (int)count;
            }
        }
        return 0;
    }

    /// <summary>
    /// write(2) until everything is written: where the file stands, which with O_APPEND is its end. It serves terminals
    /// too, which take no offset. Returns 0; after an error part of it may have been written.
    /// </summary>
    public static int Write(FileDescriptor file, ReadOnlySpan<byte> data)
    {
        int done = 0;
        fixed (byte* p = data)
        {
            while (done < data.Length)
            {
                long count = SystemCallResult.From((long)Libc.Write(file, p + done, (nuint)(data.Length - done)));
                if (count == -(int)Errno.EINTR)
                    continue;
                if (count < 0)
                    return (int)count;
                if (count == 0)
                    return -(int)Errno.ENOSPC;
                done += (int)count;
            }
        }
        return 0;
    }

    /// <summary>
    /// pwritev2(2) with RWF_APPEND until everything is written: at the end that the file has by then, however it was
    /// opened. Returns 0; after an error part of it may have been written.
    /// </summary>
    public static int Append(FileDescriptor file, ReadOnlySpan<byte> data)
    {
        const int AtEnd = 0x10; // RWF_APPEND
        int done = 0;
        fixed (byte* p = data)
        {
            while (done < data.Length)
            {
                var rest = new IoVector { Base = p + done, Length = (nuint)(data.Length - done) };
                long count = SystemCallResult.From((long)Libc.WriteVector(file, &rest, 1, 0, AtEnd));
                if (count == -(int)Errno.EINTR)
                    continue;
                if (count < 0)
                    return (int)count;
                if (count == 0)
                    return -(int)Errno.ENOSPC;
                done += (int)count;
            }
        }
        return 0;
    }

    /// <summary>
    /// copy_file_range(2) until <paramref name="length"/> bytes are copied. Returns 0; −EIO where the input ends
    /// early.
    /// </summary>
    public static int CopyRange(
        FileDescriptor input, long inputOffset, FileDescriptor output, long outputOffset, long length)
    {
        while (length > 0)
        {
            long count = SystemCallResult.From((long)Libc.CopyFileRange(
                input, &inputOffset, output, &outputOffset, (nuint)Math.Min(length, 1 << 30), 0));
            if (count == -(int)Errno.EINTR)
                continue;
            // The kernel copies nothing between file systems of two types, nor on some that copy nothing by themselves.
            if (count is -(int)Errno.EXDEV or -(int)Errno.EOPNOTSUPP)
                return CopyThroughMemory(input, inputOffset, output, outputOffset, length);
            if (count < 0)
                return (int)count;
            if (count == 0)
                return -(int)Errno.EIO;
            length -= count;
        }
        return 0;
    }

    private static int CopyThroughMemory(
        FileDescriptor input, long inputOffset, FileDescriptor output, long outputOffset, long length)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(length, 256 * 1024));
        try
        {
            while (length > 0)
            {
                int count = Read(input, inputOffset, buffer.AsSpan(0, (int)Math.Min(length, buffer.Length)));
                if (count == 0)
                    return -(int)Errno.EIO;
                int result = count < 0 ? count : Write(output, outputOffset, buffer.AsSpan(0, count));
                if (result < 0)
                    return result;
                (inputOffset, outputOffset, length) = (inputOffset + count, outputOffset + count, length - count);
            }
            return 0;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>ftruncate(2).</summary>
    public static int Truncate(FileDescriptor file, long size) => SystemCallResult.From(Libc.Truncate(file, size));

    /// <summary>fsync(2).</summary>
    public static int Synchronize(FileDescriptor file) => SystemCallResult.From(Libc.Synchronize(file));

    /// <summary>fdatasync(2): content and what is needed to read it back.</summary>
    public static int SynchronizeData(FileDescriptor file) => SystemCallResult.From(Libc.SynchronizeData(file));

    /// <summary>
    /// −EIO where something that the kernel wrote out by itself did not reach the disk, and this descriptor was not
    /// told so yet. Writes nothing, and waits for the first page at the most.
    /// </summary>
    public static int CheckWriteback(FileDescriptor file)
    {
        const uint WaitBefore = 1; // SYNC_FILE_RANGE_WAIT_BEFORE
        int result = SystemCallResult.From(Libc.SynchronizeRange(file, 0, 1, WaitBefore));
        // A file system that cannot tell.
        return result is -(int)Errno.ENOSYS or -(int)Errno.EINVAL or -(int)Errno.EOPNOTSUPP ? 0 : result;
    }

    /// <summary>
    /// sync_file_range(2): starts writing a part of the file to the disk, and waits for nothing. The next sync tells of
    /// a failure.
    /// </summary>
    public static void StartWriteback(FileDescriptor file, long offset, long bytes)
    {
        const uint Write = 2; // SYNC_FILE_RANGE_WRITE
        _ = Libc.SynchronizeRange(file, offset, bytes, Write);
    }

    /// <summary>
    /// mincore(2): 1 where all of a range is in the page cache, so that reading it asks nothing of the disk; 0 where
    /// not all of it is; or −errno. The offset is a multiple of a page.
    /// </summary>
    public static int IsCached(FileDescriptor file, long offset, int bytes)
    {
        const int PageBytes = 4096, Read = 1, Shared = 1;
        nint address = Libc.Map(0, (nuint)bytes, Read, Shared, file, offset);
        if (address == -1)
            return SystemCallResult.From(-1);
        byte[] pages = new byte[(bytes + PageBytes - 1) / PageBytes];
        int result;
        fixed (byte* p = pages)
            result = SystemCallResult.From(Libc.InCore(address, (nuint)bytes, p));
        _ = Libc.Unmap(address, (nuint)bytes);
        return result < 0 ? result : Array.TrueForAll(pages, static page => (page & 1) != 0) ? 1 : 0;
    }

    /// <summary>syncfs(2) of the file system that <paramref name="file"/> is on.</summary>
    public static int SynchronizeFileSystem(FileDescriptor file) =>
        SystemCallResult.From(Libc.SynchronizeFileSystem(file));

    /// <summary>fallocate(2).</summary>
    public static int Allocate(FileDescriptor file, uint mode, long offset, long length) =>
        SystemCallResult.From(Libc.Allocate(file, (int)mode, offset, length));

    /// <summary>lseek(2). Returns the new offset.</summary>
    public static long Seek(FileDescriptor file, long offset, int whence) =>
        SystemCallResult.From(Libc.Seek(file, offset, whence));

    /// <summary>fchmod(2); O_PATH will do.</summary>
    public static int ChangeMode(FileDescriptor file, uint mode)
    {
        int result = SystemCallResult.From(Libc.ChangeMode(file, mode));
        if (result != -(int)Errno.EBADF)
            return result;
        Span<byte> path = stackalloc byte[ProcPath.MaxBytes];
        fixed (byte* p = ProcPath.Of(file, default, path))
            return SystemCallResult.From(Libc.ChangeMode(p, mode));
    }

    /// <summary>fchown(2); uint.MaxValue leaves that one as it is.</summary>
    public static int ChangeOwner(FileDescriptor file, uint user, uint group)
    {
        fixed (byte* p = "\0"u8)
            return SystemCallResult.From(Libc.ChangeOwnerAt(file, p, user, group, 0x1000));
    }

    /// <summary>
    /// fcntl(2): a read through this descriptor does not move the access time. −EPERM where the file is another
    /// user's. Clears the descriptor's other flags that can be changed.
    /// </summary>
    public static int KeepAccessTime(FileDescriptor file)
    {
        const int SetFlags = 4; // F_SETFL
        return SystemCallResult.From(Libc.Control(file, SetFlags, OpenFlags.NoAccessTime));
    }

    /// <summary>futimens(3); O_PATH will do.</summary>
    public static int SetTimes(FileDescriptor file, Timestamp access, Timestamp modify)
    {
        Timestamp* times = stackalloc Timestamp[2] { access, modify };
        int result = SystemCallResult.From(Libc.SetTimes(file, times));
        if (result != -(int)Errno.EBADF)
            return result;
        Span<byte> path = stackalloc byte[ProcPath.MaxBytes];
        fixed (byte* p = ProcPath.Of(file, default, path))
            return SystemCallResult.From(Libc.SetTimesAt(file, p, times, 0));
    }

    /// <summary>getdents64(2): the next entries of an open folder. Returns the bytes filled; 0 at the end.</summary>
    public static int ReadDirectory(FileDescriptor directory, Span<byte> entries)
    {
        fixed (byte* p = entries)
            return (int)SystemCallResult.From((long)Libc.GetDirectoryEntries(
                GetDirectoryEntriesNumber, directory, p, (nuint)entries.Length));
    }

    /// <summary>fstatfs(2).</summary>
    public static int StatFileSystem(FileDescriptor file, out StatFs result)
    {
        fixed (StatFs* buffer = &result)
            return SystemCallResult.From(Libc.StatFileSystem(file, buffer));
    }

    /// <summary>
    /// flock(2), exclusive or shared, without waiting. −EWOULDBLOCK (EAGAIN) when another open file holds it.
    /// </summary>
    public static int TryLock(FileDescriptor file, bool exclusive) =>
        SystemCallResult.From(Libc.Lock(file, (exclusive ? 2 : 1) | 4));

    /// <summary>flock(2): lets go of the lock.</summary>
    public static int Unlock(FileDescriptor file) => SystemCallResult.From(Libc.Lock(file, 8));

    /// <summary>ioctl(2) with a pointer to <paramref name="argument"/>.</summary>
    public static int IoControl(FileDescriptor file, ulong request, Span<byte> argument)
    {
        fixed (byte* p = argument)
            return SystemCallResult.From(Libc.IoControl(file, (nuint)request, p));
    }
}
