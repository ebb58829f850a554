"""What is shown as names with their values, a line each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape

__all__ = ["Listed"]


class Listed(ABC):
    """Gives an object the faces of its :meth:`rows`, in text and in a notebook."""

    @abstractmethod
    def rows(self) -> list[tuple[str, str]]:
        """Names and values, for people."""

    def __repr__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
            for name, value in self.rows()
        )
        return f'<table class="mathjax_ignore">{cells}</table>'
