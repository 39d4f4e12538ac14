using System.Text;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion.Forms;

/// <summary>What converting the files of one type would save, as far as samples tell.</summary>
/// <param name="Extension">Ending of the names with its dot, as bytes; empty for names without one.</param>
/// <param name="Files">How many files.</param>
/// <param name="PlainBytes">Their bytes now.</param>
/// <param name="StoredBytes">Their bytes as stored files: an estimate.</param>
/// <param name="SampledBytes">How much was compressed to estimate it.</param>
public sealed record TypeSavings(byte[] Extension, long Files, long PlainBytes, long StoredBytes, long SampledBytes);

/// <summary>
/// Looks at a whole tree and compresses samples of each type of file: a few seconds of compression, however large the
/// tree is. Each file of a type is chosen with the same probability. A large file is sampled in the middle.
/// </summary>
public sealed class SavingsEstimate
{
    private const int SamplesOfType = 256, BytesOfSample = 512 * 1024;
    private const int MostTypes = 512, LongestExtension = 12;
    private const long BytesInAll = 256L * 1024 * 1024;

    private sealed class Kind
    {
        internal long Files, Bytes;
        internal readonly List<(byte[] Folder, byte[] Name, long Bytes)> Samples = [];
    }

    private readonly SourceTree _source;
    private readonly Dictionary<string, Kind> _kinds = [];
    private readonly Random _random = new(1); // the same tree gives the same answer

    private SavingsEstimate(SourceTree source) => _source = source;

    /// <summary>Estimates, types with the most bytes first. Changes nothing.</summary>
    /// <param name="root">The source's root; stays the caller's.</param>
    /// <param name="folder">Path of the folder below it.</param>
    /// <param name="isSource">The root is a source already.</param>
    /// <param name="options">Which files, and the level.</param>
    /// <param name="cancellation">Ends it early: what is known so far is returned.</param>
    public static IReadOnlyList<TypeSavings> Make(
        FileDescriptor root, byte[] folder, bool isSource, ConversionOptions options, CancellationToken cancellation)
    {
        int result = SystemCallsAt.Open(
            root, new NativeName(".\0"u8), OpenFlags.ReadOnly | OpenFlags.Directory, 0, out FileDescriptor own);
        if (result < 0)
            throw new SourceException(SourceProblem.Unusable, $"it cannot be read ({(Errno)(-result)})");
        using var source = new SourceTree(own, readOnly: true);
        if (JournalRecovery.OpenFolder(source, folder) is not { } start
            || SystemCallsAt.Stat(start, out Statx stat) < 0)
            throw new SourceException(SourceProblem.Unusable, "it cannot be read");
        var estimate = new SavingsEstimate(source);
        var opened = new SourceFolder(start, folder, stat);
        GivenNumbers given = isSource ? StateFile.ReadGiven(source) : GivenNumbers.None;
        var walk = new ConversionWalk(source, opened, options, given, new Visitor(estimate), cancellation);
        new TreeWalk(source, walk, options.OneFileSystem).Run(opened);
        opened.Release();
        using var encoder = new FrameEncoder(Codec.Of(options.Codec), options.Level);
        return [.. estimate._kinds
            .OrderByDescending(k => k.Value.Bytes)
            .Select(k => estimate.Measure(k.Key, k.Value, encoder, cancellation))];
    }

    private sealed class Visitor(SavingsEstimate estimate) : IConversionCandidates
    {
        public void Take(SwapJob job)
        {
            estimate.Note(job.Names[0].Folder.Path, job.Names[0].OriginalName.Bytes, job.Stat.Size);
            job.Names[0].Folder.Release();
        }

        public bool MakeRoom(SourceFolder folder, NativeName name) => false;

        public void TakeLink(in WalkedFile file, byte[] original, byte[] target, bool waits) =>
            estimate.Note(file.Folder.Path, file.Name.Bytes, file.Stat.Size / file.Stat.LinkCount);

        public void Keep() { }

        public void Leave(ReadOnlySpan<byte> path, LeftReason reason, string detail) { }

        public void Unreadable(byte[] path, Errno error) { }
    }

    private void Note(byte[] folder, ReadOnlySpan<byte> name, long bytes)
    {
        int dot = name.LastIndexOf((byte)'.');
        ReadOnlySpan<byte> extension = dot > 0 && name.Length - dot <= LongestExtension ? name[dot..] : default;
        string key = Encoding.Latin1.GetString(extension);
        if (!_kinds.TryGetValue(key, out Kind? kind))
        {
            if (_kinds.Count >= MostTypes)
                key = "";
            if (!_kinds.TryGetValue(key, out kind))
                _kinds.Add(key, kind = new Kind());
        }
        kind.Files++;
        kind.Bytes += bytes;
        // Reservoir sampling.
        long place = kind.Files <= SamplesOfType ? kind.Files - 1 : _random.NextInt64(kind.Files);
        if (place >= SamplesOfType)
            return;
        var sample = (folder, (byte[])[.. name, 0], bytes);
        if (place == kind.Samples.Count)
            kind.Samples.Add(sample);
        else
            kind.Samples[(int)place] = sample;
    }

    private TypeSavings Measure(string extension, Kind kind, FrameEncoder encoder, CancellationToken cancellation)
    {
        byte[] content = new byte[BytesOfSample], frame = new byte[FrameEncoder.BoundBytes(BytesOfSample)];
        // Types share the work equally, so that many types take no longer than few.
        long budget = Math.Max(BytesOfSample, BytesInAll / Math.Max(1, _kinds.Count));
        double plain = 0, stored = 0;
        long sampled = 0;
        foreach ((byte[] folder, byte[] name, long bytes) in kind.Samples)
        {
            if (sampled > budget || cancellation.IsCancellationRequested)
                break;
            int length = ReadSample(folder, name, bytes, content);
            if (length < 0)
                continue;
            int made = encoder.Compress(content.AsSpan(0, length), frame);
            // A sample stands for its whole file.
            double weight = length == 0 ? 1 : Math.Max(1, (double)bytes / length);
            plain += length * weight;
            stored += made * weight;
            sampled += length;
        }
        double ratio = plain > 0 ? stored / plain : 1;
        return new TypeSavings(
            Encoding.Latin1.GetBytes(extension), kind.Files, kind.Bytes, (long)(kind.Bytes * ratio), sampled);
    }

    private int ReadSample(byte[] folder, byte[] name, long bytes, byte[] content)
    {
        if (JournalRecovery.OpenFolder(_source, folder) is not { } directory)
            return -1;
        using (directory)
        {
            if (_source.OpenRead(directory, new NativeName(name), out FileDescriptor file) < 0)
                return -1;
            using (file)
                return SystemCallsFile.Read(
                    file,
                    Math.Max(0, bytes / 2 - content.Length / 2) & ~4095L,
                    content.AsSpan(0, (int)Math.Min(bytes, content.Length)));
        }
    }
}
