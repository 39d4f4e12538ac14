using ZstdFs.Core.Conversion;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>What became of a plain file that was to be converted.</summary>
internal enum SwapOutcome
{
    /// <summary>Somebody has it open, or it was changed: another time.</summary>
    Later,
    /// <summary>It is a stored file now, or no file any more.</summary>
    Done,
    /// <summary>It cannot be converted.</summary>
    StaysPlain,
}

/// <summary>A plain file on its way to be a stored one.</summary>
internal sealed class PlainFile(Node node, SwapOutcome outcome)
{
    internal Node Node { get; } = node;

    /// <summary>The name that it had when it was begun.</summary>
    internal Link? Link { get; init; }

    /// <summary>The work on it; null where there is none.</summary>
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
/// Takes plain files through the steps of a conversion while the mount serves them. INVARIANT: nobody who uses the mount ever sees both forms of a file, or none:
/// names change under the node's gate with no handle open on the plain form, and both forms are one name to a listing.
/// </summary>
internal sealed class PlainFileSwap(Volume volume)
{
    // Who has just written a file may write it again.
    private const long QuietSeconds = 2;

    /// <summary>Another time it may go well.</summary>
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
            if (link.Bytes.Length > volume.Services.LongestName)
                return new PlainFile(node, SwapOutcome.StaysPlain);
            if (OpenFolder(link.Parent) is not { } folder)
                return new PlainFile(node, SwapOutcome.Later);
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
            // Under the gate: the lease that this takes for a moment would turn away who opens the file through the mount.
            if (converter.Open(job) && !(SourceTree.TryReadRecord(job.Original!, out SizeRecord record) && record.InodeNumber == node.Id && volume.Source.Devices.IsOf(record, job.Stat)))
            {
                // Another file has the name by now.
                converter.Abandon(job);
                job.IsLeft = true;
                file.Outcome = SwapOutcome.Done;
            }
            return file;
        }
    }

    /// <summary>Done where nothing is in the way.</summary>
    private static SwapOutcome OutcomeOf(in Statx stat)
    {
        // Its other names would have to become stored files in the same instant.
        if (!stat.IsRegular || stat.LinkCount != 1)
            return SwapOutcome.StaysPlain;
        long age = Timestamp.Now().Seconds - stat.ModifyTime.Seconds;
        return age is >= 0 and < QuietSeconds ? SwapOutcome.Later : SwapOutcome.Done;
    }

    private SourceFolder? OpenFolder(Node folder)
    {
        if (volume.Directories.Rent(folder, out DescriptorLease lease) < 0)
            return null;
        using (lease)
        {
            if (volume.Source.OpenListing(lease.Descriptor, new NativeName(".\0"u8), out FileDescriptor descriptor) < 0)
                return null;
            _ = SystemCallsAt.Stat(descriptor, out Statx stat);
            return new SourceFolder(descriptor, NameInSource.PathOf(folder, volume.Directories), stat);
        }
    }

    /// <summary>Takes all that were begun, and are not done, to their end.</summary>
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
            if (node.Kind != NodeKind.Plain || node.PlainHandles > 0 || node.AnyLink != file.Link || !IsUnderItsName(job) || !Publish(file.Link!.Parent, job, converter))
                return;
            // What is seen first of the stored form is what its publication left.
            (node.Kind, node.OwnChange) = (NodeKind.Stored, 0);
            volume.Services.NotePublication(node.Id);
            FileDescriptor folder = job.Names[0].Folder.Descriptor;
            if (SystemCallsFile.Synchronize(folder) is < 0 and var failed)
                converter.Withdraw(job, failed);
            else
                Retire(file.Link.Parent, job, converter);
            if (job.IsLeft && job.Published == 0)
                (node.Kind, node.OwnChange) = (NodeKind.Plain, 0);
            else
                file.Outcome = SwapOutcome.Done;
            // Ends the lease, before anybody can open the file through the mount again.
            job.CloseFiles();
        }
        volume.InvalidateAttributes(node.Id);
    }

    private static bool IsUnderItsName(SwapJob job) =>
        SystemCallsAt.Stat(job.Names[0].Folder.Descriptor, job.Names[0].OriginalName, out Statx stat) >= 0 && stat.InodeNumber == job.Stat.InodeNumber && stat.Device == job.Stat.Device;

    private bool Publish(Node parent, SwapJob job, FileConverter converter)
    {
        using FolderGates.Unnoticed gate = volume.FolderGates.EnterUnnoticed(parent, job.Names[0].Folder.Descriptor);
        return converter.Publish(job);
    }

    private void Retire(Node parent, SwapJob job, FileConverter converter)
    {
        using FolderGates.Unnoticed gate = volume.FolderGates.EnterUnnoticed(parent, job.Names[0].Folder.Descriptor);
        converter.Retire(job);
    }
}
