namespace ZstdFs.Core;

/// <summary>An element of an <see cref="AgeList{T}"/>, which carries its own links.</summary>
internal interface IAged<T> where T : class
{
    /// <summary>Set by the list.</summary>
    T? Newer { get; set; }

    /// <summary>Set by the list.</summary>
    T? Older { get; set; }
}

/// <summary>Elements by how recently they were used, without an allocation for any of them. Not synchronised.</summary>
internal sealed class AgeList<T> where T : class, IAged<T>
{
    private T? _newest;

    /// <summary>The element that has been unused for longest.</summary>
    internal T? Oldest { get; private set; }

    /// <summary>Takes an element that is in no list.</summary>
    internal void Add(T element)
    {
        element.Older = _newest;
        element.Newer = null;
        if (_newest is not null)
            _newest.Newer = element;
        _newest = element;
        Oldest ??= element;
    }

    internal void Remove(T element)
    {
        if (element.Newer is { } newer)
            newer.Older = element.Older;
        else
            _newest = element.Older;
        if (element.Older is { } older)
            older.Newer = element.Newer;
        else
            Oldest = element.Newer;
        element.Older = element.Newer = null;
    }

    /// <summary>The element was used just now.</summary>
    internal void Touch(T element)
    {
        if (element == _newest)
            return;
        Remove(element);
        Add(element);
    }
}
