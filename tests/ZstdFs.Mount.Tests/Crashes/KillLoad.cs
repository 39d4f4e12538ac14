using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>
/// A program at work in a folder of its own: small files, appends, patches, large files, renames, hard links, fsync,
/// until an op fails.
/// </summary>
internal sealed class KillLoad(string folder, int seed)
{
    private const int Names = 12;
    private const int BlockBytes = 4096;

    private readonly Random _chance = new(seed);

    internal AcknowledgedFiles Files { get; } = new();

    private string At(string name) => Path.Combine(folder, name);

    private string AnyName() => $"f{_chance.Next(Names)}";

    private string? AnyFile() =>
        Files.Files.Count == 0 ? null : Files.Files.Keys.ElementAt(_chance.Next(Files.Files.Count));

    /// <summary>Works until the mount is dead, or it is told to stop.</summary>
    internal void Run(CancellationToken end = default)
    {
        try
        {
            // It may still be a second name of one of the others.
            if (Files.Files.ContainsKey("link"))
                Delete("link");
            while (!end.IsCancellationRequested)
                Step();
        }
        catch (IOException)
        {
            // The daemon was killed: what was under way stays noted.
        }
    }

    private void Step()
    {
        switch (_chance.Next(100))
        {
            case < 30: Save(AnyName(), _chance.Next(0, 60_000)); break;
            case < 45: Append(AnyName()); break;
            case < 57: Patch(); break;
            case < 63: Save(AnyName(), _chance.Next(1_000_000, 6_000_000)); break;
            case < 73: Move(); break;
            case < 80: LinkAndWrite(); break;
            case < 90: Log(); break;
            case < 95: Truncate(); break;
            default: Delete(AnyFile()); break;
        }
    }

    private byte[] Content(int bytes)
    {
        byte[] content = new byte[bytes];
        _chance.NextBytes(content.AsSpan(0, bytes / 2));
        content.AsSpan(bytes / 2).Fill((byte)_chance.Next(256));
        return content;
    }

    private void Save(string name, int bytes)
    {
        byte[] content = Content(bytes);
        Files.Begin(name, found => found is not null && IsPartOf(found, content));
        NativeFile.Save(At(name), content);
        Files.End(name, content);
    }

    private void Append(string name)
    {
        byte[] old = Files.Files.GetValueOrDefault(name) ?? [];
        byte[] content = [.. old, .. Content(_chance.Next(1, 20_000))];
        Files.Begin(name, found => found is not null && found.Length >= old.Length && IsPartOf(found, content));
        using var file = new NativeFile(At(name), NativeFile.ForWriting | NativeFile.Create);
        file.Write(content.AsSpan(old.Length), old.Length);
        file.Close();
        Files.End(name, content);
    }

    private void Patch()
    {
        if (AnyFile() is not { } name || Files.Files[name] is not { Length: > 0 } old)
            return;
        byte[] content = (byte[])old.Clone();
        int at = _chance.Next(content.Length);
        Content(_chance.Next(1, Math.Min(50_000, content.Length - at) + 1)).CopyTo(content, at);
        Files.Begin(name, found => found is not null && found.Length == content.Length && IsBlend(found, old, content));
        using var file = new NativeFile(At(name), NativeFile.ForWriting);
        file.Write(content.AsSpan(at), at);
        file.Close();
        Files.End(name, content);
    }

    private void Truncate()
    {
        if (AnyFile() is not { } name)
            return;
        byte[] content = Files.Files[name];
        Array.Resize(ref content, _chance.Next(content.Length + 10_000));
        Files.Begin(name, found => found is not null && found.AsSpan().SequenceEqual(content));
        using var file = new NativeFile(At(name), NativeFile.ForWriting);
        file.Truncate(content.Length);
        file.Close();
        Files.End(name, content);
    }

    private void Move()
    {
        if (AnyFile() is not { } from || AnyName() is var to && to == from)
            return;
        byte[] content = Files.Files[from];
        var before = new Dictionary<string, byte[]>(Files.Files);
        Files.BeginTogether(found => !found.ContainsKey(from) && found.TryGetValue(to, out byte[]? moved)
            && moved.AsSpan().SequenceEqual(content)
            && before.All(f => f.Key == from || f.Key == to
                || found.TryGetValue(f.Key, out byte[]? other) && other.AsSpan().SequenceEqual(f.Value)));
        NativeFile.Rename(At(from), At(to));
        Files.End(from, null);
        Files.End(to, content);
    }

    /// <summary>
    /// What is written by one name shows under the other; the other goes at once, so that each name is a file of its
    /// own again.
    /// </summary>
    private void LinkAndWrite()
    {
        if (AnyFile() is not { } name)
            return;
        byte[] old = Files.Files[name], content = Content(_chance.Next(1, 100_000));
        Files.Begin("link", found => found is null || found.AsSpan().SequenceEqual(old) || IsPartOf(found, content));
        Files.Begin(name, found => found is not null && IsPartOf(found, content));
        NativeFile.Link(At(name), At("link"));
        NativeFile.Save(At("link"), content);
        NativeFile.Delete(At("link"));
        Files.End(name, content);
    }

    /// <summary>A file held open, written and synchronised in turns.</summary>
    private void Log()
    {
        string name = AnyName();
        byte[] content = Files.Files.GetValueOrDefault(name) ?? [];
        Files.Begin(name, found => found is null || found.Length == 0);
        using var file = new NativeFile(At(name), NativeFile.ForWriting | NativeFile.Create);
        for (int i = _chance.Next(1, 5); i >= 0; i--)
        {
            byte[] line = Content(_chance.Next(1, 5000)), old = content;
            content = [.. old, .. line];
            byte[] next = content;
            Files.Begin(name, found => found is not null && found.Length >= old.Length && IsPartOf(found, next));
            file.Write(line, old.Length);
            file.Synchronize();
            Files.End(name, content);
        }
        file.Close();
    }

    private void Delete(string? name)
    {
        if (name is null)
            return;
        Files.Begin(name, static found => found is null);
        NativeFile.Delete(At(name));
        Files.End(name, null);
    }

    private static bool IsPartOf(byte[] found, byte[] content) =>
        found.Length <= content.Length && content.AsSpan(0, found.Length).SequenceEqual(found);

    /// <summary>Writes are answered in pieces of whole pages.</summary>
    private static bool IsBlend(byte[] found, byte[] a, byte[] b)
    {
        for (int at = 0; at < found.Length; at += BlockBytes)
        {
            int count = Math.Min(BlockBytes, found.Length - at);
            ReadOnlySpan<byte> block = found.AsSpan(at, count);
            if (!block.SequenceEqual(a.AsSpan(at, count)) && !block.SequenceEqual(b.AsSpan(at, count)))
                return false;
        }
        return true;
    }
}
