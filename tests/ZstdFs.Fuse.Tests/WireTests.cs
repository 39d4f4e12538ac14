using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Tests;

/// <summary>The layouts of linux/fuse.h, 7.45.</summary>
internal sealed class WireTests
{
    private static IEnumerable<TestCaseData> Sizes()
    {
        static TestCaseData Case<T>(int bytes) where T : unmanaged =>
            new TestCaseData(Unsafe.SizeOf<T>(), bytes).SetArgDisplayNames(typeof(T).Name);
        yield return Case<FuseInHeader>(40);
        yield return Case<FuseOutHeader>(16);
        yield return Case<FuseInitIn>(16);
        yield return Case<FuseInitOut>(64);
        yield return Case<FuseAttr>(88);
        yield return Case<FuseEntryOut>(128);
        yield return Case<FuseAttrOut>(104);
        yield return Case<FuseOpenOut>(16);
        yield return Case<FuseSetattrIn>(88);
        yield return Case<FuseKstatfs>(80);
        yield return Case<FuseSxTime>(16);
        yield return Case<FuseStatx>(256);
        yield return Case<FuseStatxOut>(288);
        yield return Case<FuseGetattrIn>(16);
        yield return Case<FuseStatxIn>(24);
        yield return Case<FuseSetxattrIn>(16);
        yield return Case<FuseGetxattrIn>(8);
        yield return Case<FuseGetxattrOut>(8);
        yield return Case<FuseAccessIn>(8);
        yield return Case<FuseMknodIn>(16);
        yield return Case<FuseMkdirIn>(8);
        yield return Case<FuseRenameIn>(8);
        yield return Case<FuseRename2In>(16);
        yield return Case<FuseLinkIn>(8);
        yield return Case<FuseForgetIn>(8);
        yield return Case<FuseBatchForgetIn>(8);
        yield return Case<FuseForgetOne>(16);
        yield return Case<FuseDirent>(24);
        yield return Case<FuseDirentPlus>(152);
        yield return Case<FuseOpenIn>(8);
        yield return Case<FuseCreateIn>(16);
        yield return Case<FuseReadIn>(40);
        yield return Case<FuseWriteIn>(40);
        yield return Case<FuseWriteOut>(8);
        yield return Case<FuseReleaseIn>(24);
        yield return Case<FuseFlushIn>(24);
        yield return Case<FuseFsyncIn>(16);
        yield return Case<FuseFallocateIn>(32);
        yield return Case<FuseLseekIn>(24);
        yield return Case<FuseCopyFileRangeIn>(56);
        yield return Case<FuseIoctlIn>(32);
        yield return Case<FuseIoctlOut>(16);
        yield return Case<FusePollIn>(24);
        yield return Case<FusePollOut>(8);
        yield return Case<FuseInterruptIn>(8);
        yield return Case<FuseSyncfsIn>(8);
        yield return Case<FuseNotifyPollWakeupOut>(8);
        yield return Case<FuseNotifyInvalInodeOut>(24);
        yield return Case<FuseNotifyInvalEntryOut>(16);
        yield return Case<FuseNotifyDeleteOut>(24);
    }

    [TestCaseSource(nameof(Sizes))]
    public void Struct_HasTheKernelsSize(int actual, int expected) => Assert.That(actual, Is.EqualTo(expected));

    [Test]
    public void Fields_AreWhereTheKernelHasThem()
    {
        static int At<T>(string field) where T : unmanaged => (int)Marshal.OffsetOf<T>(field);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(At<FuseInHeader>(nameof(FuseInHeader.TotalExtensionLength)), Is.EqualTo(36));
            Assert.That(At<FuseInitOut>(nameof(FuseInitOut.TimeGranularityNs)), Is.EqualTo(24));
            Assert.That(At<FuseInitOut>(nameof(FuseInitOut.MaxPages)), Is.EqualTo(28));
            Assert.That(At<FuseInitOut>(nameof(FuseInitOut.Flags2)), Is.EqualTo(32));
            Assert.That(At<FuseInitOut>(nameof(FuseInitOut.RequestTimeout)), Is.EqualTo(40));
            Assert.That(At<FuseAttr>(nameof(FuseAttr.Mode)), Is.EqualTo(60));
            Assert.That(At<FuseAttr>(nameof(FuseAttr.Flags)), Is.EqualTo(84));
            Assert.That(At<FuseEntryOut>(nameof(FuseEntryOut.Attr)), Is.EqualTo(40));
            Assert.That(At<FuseAttrOut>(nameof(FuseAttrOut.Attr)), Is.EqualTo(16));
            Assert.That(At<FuseSetattrIn>(nameof(FuseSetattrIn.Mode)), Is.EqualTo(68));
            Assert.That(At<FuseSetattrIn>(nameof(FuseSetattrIn.Gid)), Is.EqualTo(80));
            Assert.That(At<FuseKstatfs>(nameof(FuseKstatfs.Frsize)), Is.EqualTo(48));
            Assert.That(At<FuseStatx>(nameof(FuseStatx.Atime)), Is.EqualTo(64));
            Assert.That(At<FuseStatx>(nameof(FuseStatx.RdevMajor)), Is.EqualTo(128));
            Assert.That(At<FuseStatxOut>(nameof(FuseStatxOut.Stat)), Is.EqualTo(32));
            Assert.That(At<FuseReadIn>(nameof(FuseReadIn.Size)), Is.EqualTo(16));
            Assert.That(At<FuseWriteIn>(nameof(FuseWriteIn.WriteFlags)), Is.EqualTo(20));
            Assert.That(At<FuseFlushIn>(nameof(FuseFlushIn.LockOwner)), Is.EqualTo(16));
            Assert.That(At<FuseFallocateIn>(nameof(FuseFallocateIn.Mode)), Is.EqualTo(24));
            Assert.That(At<FuseIoctlIn>(nameof(FuseIoctlIn.InSize)), Is.EqualTo(24));
            Assert.That(At<FuseDirentPlus>(nameof(FuseDirentPlus.Dirent)), Is.EqualTo(128));
            Assert.That(At<FuseDirent>(nameof(FuseDirent.NameLength)), Is.EqualTo(16));
        }
    }
}
