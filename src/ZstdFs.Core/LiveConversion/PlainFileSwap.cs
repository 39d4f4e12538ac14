using ZstdFs.Core.Conversion;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.LiveConversion;

/// <summary>The outcome of an attempt to convert a plain file.</summary>
internal enum SwapOutcome
{
    /// <summary>
    /// A program has it open or changed it, or a fault came between: the conversion is tried again later.
    /// </summary>
    Later,
    /// <summary>Nothing is left to do: it is a stored file, or its name does not lead to it.</summary>
    Done,
    /// <summary>It cannot be converted.</summary>
    StaysPlain,
}

/// <summary>A plain file on its way to becoming a stored one.</summary>
internal sealed class PlainFile(Node node, SwapOutcome outcome)
{
    internal Node Node { get; } = node;

    /// <summary>The name that it had when its conversion began.</summary>
    internal Link? Link { get; init; }

    /// <summary>The conversion; null where it did not begin.</summary>
    internal SwapJob? Job { get; init; }

    internal SwapOutcome Outcome { get; set; } = outcome;

    internal void Release()
    {
        Job?.CloseFiles();
        if (Job is { } job)
            job.Names[0].Folder.Release();
    }
}

/// <summary>
/// Takes plain files through the steps of a conversion while the mount serves them. INVARIANT: users of the mount see
/// exactly one form of a file at every moment. The names change under the node's gate while no handle is open on the
/// plain form, and a listing shows both forms as one name.
/// </summary>
internal sealed class PlainFileSwap(
    StorageServices services, DirectoryCache directories, FolderGates folderGates, KernelNotices notices)
{
    // A program that has just written a file may write it again.
    private const long QuietSeconds = 2;

    /// <summary>Whether a later attempt may succeed.</summary>
    internal static bool IsPassing(LeftReason reason) => reason is LeftReason.OpenForWriting or LeftReason.Changed;

    /// <summary>Opens the file for its conversion.</summary>
    internal PlainFile Begin(Node node, FileConverter converter)
    {
        lock (node.LinksGate)
        {
            if (node.Kind != NodeKind.Plain || node.AnyLink is not { } link)
                return new PlainFile(node, SwapOutcome.Done);
            if (node.PlainHandles > 0)
                return new PlainFile(node, SwapOutcome.Later);
            if (link.Bytes.Length > services.LongestName)
                return new PlainFile(node, SwapOutcome.StaysPlain);
            if (OpenFolder(link.Parent) is not { } folder)
                return new PlainFile(node, SwapOutcome.Later);
            // The stored form would get its name, and the plain one could not lose its own.
            if (folder.Stat.IsAppendOnly)
            {
                folder.Release();
                return new PlainFile(node, SwapOutcome.StaysPlain);
            }
            int result = SystemCallsAt.Stat(folder.Descriptor, link.NativeName, out Statx stat);
            SwapOutcome outcome = result < 0 ? SwapOutcome.Done : OutcomeOf(stat);
            if (result < 0 || outcome != SwapOutcome.Done)
            {
                folder.Release();
                return new PlainFile(node, outcome);
            }
            byte[] target = StoredName.Of(link.Bytes, stackalloc byte[StoredName.BufferBytes]).Terminated.ToArray();
            var job = new SwapJob([new SwapName(folder, link.Name, target)], stat);
            var file = new PlainFile(node, SwapOutcome.Later) { Link = link, Job = job };
            // Under the gate, because this takes a lease for a moment, which would make an open of the file through the
            // mount fail.
            if (converter.Open(job)
                && !(SourceTree.TryReadRecord(job.Original!, out SizeRecord record) && record.InodeNumber == node.Id
                    && services.Source.Devices.IsOf(record, job.Stat)))
            {
                // The name leads to another file.
                converter.Abandon(job);
                job.IsLeft = true;
                file.Outcome = SwapOutcome.Done;
            }
            return file;
        }
    }

    /// <summary><see cref="SwapOutcome.Done"/> where nothing prevents the conversion.</summary>
    private static SwapOutcome OutcomeOf(in Statx stat)
    {
        // All names of a hard-linked file would have to change in the same instant.
        if (!stat.IsRegular || stat.LinkCount != 1)
            return SwapOutcome.StaysPlain;
        long age = Timestamp.Now().Seconds - stat.ModifyTime.Seconds;
        return age is >= 0 and < QuietSeconds ? SwapOutcome.Later : SwapOutcome.Done;
    }

    private SourceFolder? OpenFolder(Node folder)
    {
        if (directories.Rent(folder, out DescriptorLease lease) < 0)
            return null;
        using (lease)
        {
            // The conversion's journal names the folder.
            if (NameInSource.PathOf(folder, directories) is not { } path
                || services.Source.OpenListing(
                    lease.Descriptor, new NativeName(".\0"u8), out FileDescriptor descriptor) < 0)
                return null;
            _ = SystemCallsAt.Stat(descriptor, out Statx stat);
            return new SourceFolder(descriptor, path, stat);
        }
    }

    /// <summary>Finishes the conversions that have begun and are not done.</summary>
    internal void Run(IReadOnlyList<PlainFile> files, FileConverter converter, CancellationToken cancellation)
    {
        PlainFile[] begun = [.. files.Where(f => f is { Outcome: SwapOutcome.Later, Job.IsLeft: false })];
        SwapJob[] jobs = [.. begun.Select(f => f.Job!)];
        if (jobs.Length > 0)
        {
            converter.Write(jobs, cancellation);
            bool isDurable = !cancellation.IsCancellationRequested && converter.MakeDurable(jobs) >= 0;
            if (isDurable)
                converter.Compare(jobs);
            foreach (PlainFile file in begun.Where(f => isDurable && !f.Job!.IsLeft))
                Swap(file, converter);
        }
        foreach (PlainFile file in files.Where(f => f is { Outcome: SwapOutcome.Later, Job: not null }))
        {
            if (file.Job!.IsLeft && !IsPassing(file.Job.Reason))
                file.Outcome = SwapOutcome.StaysPlain;
            converter.Abandon(file.Job);
        }
    }

    private void Swap(PlainFile file, FileConverter converter)
    {
        Node node = file.Node;
        SwapJob job = file.Job!;
        lock (node.LinksGate)
        {
            if (node.Kind != NodeKind.Plain || node.PlainHandles > 0 || node.AnyLink != file.Link
                || !IsUnderItsName(job) || !Publish(file.Link!.Parent, job, converter))
                return;
            // 0: the change time that the mount sees first on the stored form is the one that the publication left.
            (node.Kind, node.OwnChange) = (NodeKind.Stored, 0);
            services.Publications.Note(node.Id);
            FileDescriptor folder = job.Names[0].Folder.Descriptor;
            if (SystemCallsFile.Synchronize(folder) is < 0 and var failed)
                converter.Withdraw(job, failed);
            else
                Retire(file.Link.Parent, job, converter);
            if (job.IsLeft && job.Published == 0)
                (node.Kind, node.OwnChange) = (NodeKind.Plain, 0);
            else
                file.Outcome = SwapOutcome.Done;
            // Ends the lease before a program can open the file through the mount again.
            job.CloseFiles();
        }
        notices.InvalidateAttributes(node.Id);
    }

    private static bool IsUnderItsName(SwapJob job) =>
        SystemCallsAt.Stat(job.Names[0].Folder.Descriptor, job.Names[0].OriginalName, out Statx stat) >= 0
        && stat.InodeNumber == job.Stat.InodeNumber && stat.Device == job.Stat.Device;

    private bool Publish(Node parent, SwapJob job, FileConverter converter)
    {
        using FolderGates.Unnoticed gate = folderGates.EnterUnnoticed(parent, job.Names[0].Folder.Descriptor);
        return converter.Publish(job);
    }

    private void Retire(Node parent, SwapJob job, FileConverter converter)
    {
        using FolderGates.Unnoticed gate = folderGates.EnterUnnoticed(parent, job.Names[0].Folder.Descriptor);
        converter.Retire(job);
    }
}
