"""HTML that is safe by how it is made: text is escaped, unless it was made here."""

from __future__ import annotations

from html import escape

from cts.errors import printable

__all__ = ["Markup", "element", "foreign", "joined"]

_VOID = frozenset({"meta", "link"})


class Markup(str):
    """HTML, made by :func:`element`; any other text is escaped where it becomes part of some."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """Return an element.

    Args:
        tag: its name.
        children: Markup as it is, other text escaped.
        attributes: ``_`` in a name stands for ``-``, one at its end for nothing; None leaves an attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(printable(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    end = "" if tag in _VOID else f"</{tag}>"
    return Markup(f"<{tag}{written}>{joined(*children)}{end}")


def joined(*children: str) -> Markup:
    """Return Markup as it is and other text escaped, one behind the other."""
    return Markup("".join(child if isinstance(child, Markup) else escape(printable(child)) for child in children))


def foreign(text: str) -> Markup:
    """Return a stranger's text (a name, a path, a note), whose direction of writing does not reach beyond it."""
    return element("bdi", text)
