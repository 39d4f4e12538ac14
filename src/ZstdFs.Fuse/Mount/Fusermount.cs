using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Mount;

/// <summary>
/// Mounts without root rights: fusermount3 opens the device, mounts, and hands the descriptor over a socket.
/// </summary>
internal static class Fusermount
{
    private const string Program = "fusermount3";

    internal static FileDescriptor Mount(string mountPoint, FuseMountOptions options)
    {
        int result = MountCalls.ChildPair(out FileDescriptor ours, out FileDescriptor childs);
        using (ours)
        using (childs)
        {
            if (result < 0)
                throw new FuseMountException(FuseMountProblem.Other, $"No socket pair ({(Errno)(-result)}).");
            ProcessStartInfo start = Command("-o", MountData.ForFusermount(options), "--", mountPoint);
            start.Environment["_FUSE_COMMFD"] = childs.Number.ToString(CultureInfo.InvariantCulture);
            using Process process = Launch(start);
            // A helper that fails would otherwise leave the socket open, and this thread would wait for ever.
            childs.Dispose();
            result = MountCalls.ReceiveDescriptor(ours, out FileDescriptor device);
            string message = process.StandardError.ReadToEnd().Trim();
            process.WaitForExit();
            if (result >= 0 && process.ExitCode == 0)
                return device;
            device.Dispose();
            throw new FuseMountException(
                ProblemOf(message), message.Length > 0 ? message : $"{Program} failed with code {process.ExitCode}.");
        }
    }

    internal static int Unmount(string mountPoint, bool isLazy)
    {
        try
        {
            using Process process = Launch(isLazy
                ? Command("-u", "-z", "--", mountPoint)
                : Command("-u", "--", mountPoint));
            string message = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode == 0)
                return 0;
            return message.Contains("busy", StringComparison.OrdinalIgnoreCase)
                ? -(int)Errno.EBUSY
                : -(int)Errno.EINVAL;
        }
        catch (FuseMountException)
        {
            return -(int)Errno.ENOENT;
        }
    }

    private static FuseMountProblem ProblemOf(string message)
    {
        if (message.Contains("device not found", StringComparison.OrdinalIgnoreCase))
            return FuseMountProblem.NoDevice;
        return message.Contains("permi", StringComparison.OrdinalIgnoreCase)
            || message.Contains("allow_other", StringComparison.Ordinal)
                ? FuseMountProblem.NotPermitted
                : FuseMountProblem.Other;
    }

    private static ProcessStartInfo Command(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program) { RedirectStandardError = true, UseShellExecute = false };
        // The messages are searched for English words.
        start.Environment["LC_ALL"] = "C";
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        return start;
    }

    private static Process Launch(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)
                ?? throw new FuseMountException(FuseMountProblem.NoFusermount, $"{Program} did not start.");
        }
        catch (Win32Exception exception)
        {
            throw new FuseMountException(
                FuseMountProblem.NoFusermount,
                $"{Program} cannot be started ({exception.Message}): install fuse3, or mount as root.");
        }
    }
}
