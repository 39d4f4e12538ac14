using System.Globalization;

namespace ZstdFs.Cli.Options;

/// <summary>Amounts of bytes as people write and read them: binary units.</summary>
internal static class ByteText
{
    private const string Units = "KMGT";
    private const double MostBytes = 1e18;

    /// <summary>"1500", "64K", "1.5G", "10MiB"; null where it is none of these.</summary>
    internal static long? Parse(string? text)
    {
        string number = (text ?? "").Trim();
        number = number.EndsWith("iB", StringComparison.Ordinal) ? number[..^2]
            : number.EndsWith('B') ? number[..^1]
            : number;
        int unit = number.Length == 0 ? -1 : Units.IndexOf(char.ToUpperInvariant(number[^1]), StringComparison.Ordinal);
        if (unit >= 0)
            number = number[..^1];
        double scale = Math.Pow(1024, unit + 1);
        return OptionValue.Number(number, most: MostBytes / scale) is { } value ? (long)(value * scale) : null;
    }

    /// <summary>Three figures and a unit: "1.53 GiB".</summary>
    internal static string Show(double bytes)
    {
        int unit = -1;
        for (; Math.Abs(bytes) >= 999.5 && unit < Units.Length - 1; unit++)
            bytes /= 1024;
        if (unit < 0)
            return string.Create(CultureInfo.InvariantCulture, $"{bytes:0} B");
        string digits = bytes.ToString(
            Math.Abs(bytes) >= 99.95 ? "0" : Math.Abs(bytes) >= 9.995 ? "0.0" : "0.00", CultureInfo.InvariantCulture);
        return $"{digits} {Units[unit]}iB";
    }

    /// <summary>"5.71" for how many times smaller it is; "-" where nothing is stored.</summary>
    internal static string Ratio(long plain, long stored) =>
        stored <= 0 ? "-" : ((double)plain / stored).ToString("0.00", CultureInfo.InvariantCulture);
}
