"""Finds the known word that a misspelt one stands for."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that is so near that a slip of the hand explains the difference, or None."""
    most = 2 if len(word) >= 8 else 1 if len(word) >= 3 else 0
    similar = (name for name in known if abs(len(word) - len(name)) <= most)
    distance, name = min(((_edits(word.lower(), name.lower()), name) for name in similar), default=(most + 1, ""))
    return name if distance <= most else None


def _edits(one: str, other: str) -> int:
    """Counts the letters to insert, drop, replace or swap with the next one between two words."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for index, letter in enumerate(one):
        before, above, row = row, before, [index + 1]
        for column, wanted in enumerate(other):
            cost = min(before[column] + (letter != wanted), before[column + 1] + 1, row[column] + 1)
            if index and column and letter == other[column - 1] and wanted == one[index - 1]:
                cost = min(cost, above[column - 1] + 1)
            row.append(cost)
    return row[-1]
