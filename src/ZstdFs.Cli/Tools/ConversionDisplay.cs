using System.Diagnostics;
using Spectre.Console;
using ZstdFs.Cli.Options;
using ZstdFs.Core.Conversion;

namespace ZstdFs.Cli.Tools;

/// <summary>Progress on a terminal; nothing where standard error is redirected.</summary>
internal sealed class ConversionDisplay : IDisposable
{
    private const int RefreshMs = 200;

    private readonly ConversionProgress _progress;
    private readonly TreeTotals _totals;
    private readonly CancellationTokenSource _ending = new();
    private readonly Thread? _thread;
    private readonly long _start = Stopwatch.GetTimestamp();

    private ConversionDisplay(NamedSource source, ConversionOptions options, ConversionProgress progress)
    {
        _progress = progress;
        _totals = new TreeTotals(source.Root, source.FolderPath, options, _ending.Token);
        if (Console.IsErrorRedirected)
            return;
        _thread = new Thread(Show) { IsBackground = true, Name = "progress" };
        _thread.Start();
    }

    internal static ConversionDisplay Start(
        NamedSource source, ConversionOptions options, ConversionProgress progress) => new(source, options, progress);

    public void Dispose()
    {
        _ending.Cancel();
        _thread?.Join();
        _ending.Dispose();
    }

    private void Show()
    {
        // A thread counts beside the work: the total is not known before it has seen everything.
        var counting = new Thread(_totals.Count) { IsBackground = true };
        counting.Start();
        IAnsiConsole console = AnsiConsole.Create(
            new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        console.Live(Line()).AutoClear(true).Start(live =>
        {
            while (!_ending.Token.WaitHandle.WaitOne(RefreshMs))
                live.UpdateTarget(Line());
        });
        counting.Join();
    }

    private Text Line()
    {
        double seconds = Math.Max(0.001, Stopwatch.GetElapsedTime(_start).TotalSeconds);
        long bytes = _progress.PlainBytes + _progress.PlainBytesUnderWay,
            stored = _progress.StoredBytes + _progress.StoredBytesUnderWay,
            files = _progress.Files;
        string total = _totals.IsWhole ? $" of {_totals.Files:N0}" : "";
        string left = _progress.Left > 0 ? $", {_progress.Left} left" : "";
        return new Text($"{files:N0}{total} files, {ByteText.Show(bytes)}, {ByteText.Show(bytes / seconds)}/s, ratio "
            + $"{ByteText.Ratio(bytes, stored)}{left}{TimeLeft(seconds, _totals.CountsStored ? stored : bytes)}");
    }

    private string TimeLeft(double seconds, long bytes)
    {
        // Plain bytes for plain files. For stored files their stored bytes: the content's size is not known before a
        // file is read.
        double done = _totals.Bytes > 0 ? (double)bytes / _totals.Bytes : 0;
        if (!_totals.IsWhole || done is < 0.01 or > 1)
            return "";
        return $", {TimeSpan.FromSeconds(seconds * (1 - done) / done):h\\:mm\\:ss} to go";
    }
}
