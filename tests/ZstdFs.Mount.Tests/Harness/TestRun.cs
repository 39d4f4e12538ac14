using System.Runtime.Versioning;

// One at a time: mounts, their daemons and timings must not meet each other's load, and failures should name one
// culprit.
[assembly: NonParallelizable]
[assembly: SupportedOSPlatform("linux")]
