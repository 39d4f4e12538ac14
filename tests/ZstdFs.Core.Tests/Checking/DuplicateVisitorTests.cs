using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Checking;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Checking;

/// <summary>Inode numbers that several files have.</summary>
internal sealed class DuplicateVisitorTests
{
    /// <summary>
    /// A source's own number may be among those that the allocator gives: some file systems use all 64 bits.
    /// </summary>
    [Test]
    public void NumberThatAFolderHasToo_IsFoundAndMended([Values] bool mends)
    {
        using var folder = new TestSource();
        folder.Write("a", [1]);
        folder.Convert();
        folder.WithState((source, state) =>
        {
            var name = new NativeName("a.zst\0"u8);
            Assert.That(SystemCallsAt.Stat(source.Root, name, out Statx file), Is.Zero);
            var root = new SourceFolder(source.Root, [], source.RootStat, ownsDescriptor: false);
            ulong number = InodeNumbers.NumberOf(source, root, name, file, isStored: true);
            Statx other = source.RootStat;
            other.InodeNumber = number;
            var numbers = new InodeNumbers();
            numbers.Add(source, root, name, file, isStored: true);
            numbers.Add(source, root, name, file, isStored: true);
            Assert.That(numbers.Duplicates(), Is.Empty, "two names of one file");
            numbers.Add(source, root, new NativeName("folder\0"u8), other, isStored: false);
            Dictionary<ulong, bool> duplicates = numbers.Duplicates();
            Assert.That(duplicates, Is.EqualTo(new Dictionary<ulong, bool> { [number] = true }));
            var visitor = new DuplicateVisitor(
                duplicates, mends ? state : null, source, new FaultReport(new CheckProgress(), folder));
            Assert.That(visitor.Visit(new WalkedFile(root, name, file)), Is.True);
            Assert.That(
                folder.Faults.Select(f => (f.Kind, f.IsMended)),
                Is.EqualTo(new[] { (FaultKind.DuplicateNumber, mends) }));
            Assert.That(
                InodeNumbers.NumberOf(source, root, name, file, isStored: true),
                mends ? Is.Not.EqualTo(number) : Is.EqualTo(number));
        });
    }
}
