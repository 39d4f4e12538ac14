using System.Runtime.Versioning;

// Every test has disks and mounts of its own, and all of them wait for the same two cores.
[assembly: NonParallelizable]
[assembly: SupportedOSPlatform("linux")]
