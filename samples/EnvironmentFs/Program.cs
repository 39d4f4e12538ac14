using ZstdFs.Fuse.Mount;
using ZstdFs.Fuse.Session;
using ZstdFs.Samples.EnvironmentFs;

// environmentfs MNT: shows the variables of this process's environment as files, until MNT is unmounted.
if (args is not [string mountPoint])
{
    Console.Error.WriteLine("usage: EnvironmentFs MOUNTPOINT");
    return 2;
}
FuseMount mount;
try
{
    mount = FuseMount.Mount(mountPoint, new FuseMountOptions { Source = "environment", Subtype = "environment", ReadOnly = true });
}
catch (FuseMountException e)
{
    Console.Error.WriteLine($"EnvironmentFs: {e.Message}");
    return 1;
}
using (mount.Device)
using (var session = new FuseSession(mount.Device, new EnvironmentFileSystem(), new SessionOptions()))
{
    session.Run(); // Returns after fusermount3 -u MNT, or umount MNT.
}
return 0;
