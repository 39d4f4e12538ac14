namespace ZstdFs.Core.WorkingCopies;

/// <summary>Content below the overlay: fills the whole destination, with zeros where there is none.</summary>
internal delegate void ReadBelow(long offset, Span<byte> destination);
