"""Walks positioned YAML: the members of a node, and the way from a root to what begins at an offset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from kgate.model import list_index
from kgate.yamltree.nodes import Node

Tokens: TypeAlias = tuple[str, ...]
"""The way to a field: reference tokens of a JSON Pointer."""


def get(node: Node | None, key: str) -> Node | None:
    """The value of a key of a mapping; None where there is no such mapping or key."""
    entry = (node.fields or {}).get(key) if node is not None else None
    return entry[2] if entry else None


def items(node: Node | None, key: str | None = None) -> Sequence[Node]:
    """The items of a list, or of the list below a key; none where there is no list."""
    found = node if key is None else get(node, key)
    return (found.items or ()) if found is not None else ()


def child(node: Node, token: str) -> Node | None:
    """The member of a collection that a token names, or None."""
    if node.fields is not None:
        return get(node, token)
    index = list_index(token)
    if node.items is not None and index is not None and index < len(node.items):
        return node.items[index]
    return None


def children(node: Node) -> Iterator[tuple[str, Node]]:
    """The members of a collection with the tokens that name them."""
    if node.fields is not None:
        yield from ((key, value) for key, (_, _, value) in node.fields.items())
    for index, item in enumerate(node.items or ()):
        yield str(index), item


def descend(node: Node, tokens: Sequence[str]) -> Node | None:
    """The node at the end of a way, or None."""
    for token in tokens:
        found = child(node, token)
        if found is None:
            return None
        node = found
    return node


def is_leaf(node: Node) -> bool:
    """True for a scalar and for an empty collection."""
    return not node.fields and not node.items


def leaves(node: Node, limit: int = 500) -> Iterator[tuple[Tokens, Node]]:
    """The scalars and empty collections below a node, at most ``limit``, in the order of the text."""
    pending: list[tuple[Tokens, Node]] = [((), node)]
    while pending and limit:
        tokens, node = pending.pop()
        if is_leaf(node):
            limit -= 1
            yield tokens, node
        pending += reversed([((*tokens, token), member) for token, member in children(node)])


def ways(root: Node) -> dict[int, Tokens]:
    """The first way to every scalar below a root by its offset, and to every field by the offset of its key."""
    found: dict[int, Tokens] = {}
    pending: list[tuple[Tokens, Node]] = [((), root)]
    while pending:
        tokens, node = pending.pop()
        if is_leaf(node):
            found.setdefault(node.start.index, tokens)
        for key, (key_start, _, _) in (node.fields or {}).items():
            found.setdefault(key_start.index, (*tokens, key))
        pending += reversed([((*tokens, token), member) for token, member in children(node)])
    return found
