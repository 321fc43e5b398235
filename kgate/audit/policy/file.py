"""Reads the file of a policy with the place of every field: its first document alone, as the API server does."""

from __future__ import annotations

from kgate.audit.policy.load import KEYS, DroppedKey, Loaded, load
from kgate.errors import ConfigError
from kgate.model import Location, Pointer
from kgate.values import dataclass
from kgate.yamltree.fields import suggestion
from kgate.yamltree.nodes import ManifestError, compose
from kgate.yamltree.text import Document, source_text

MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """What a file makes an API server do; ``document`` finds the fields."""

    loaded: Loaded
    document: Document

    def locate(self, pointer: Pointer) -> Location:
        """Returns the place of a field, or of its nearest parent."""
        return self.document.locate(pointer)


def read(path: str, data: bytes, minor: int) -> PolicyFile:
    """Reads the bytes of a file for a Kubernetes 1.x version. Raises ConfigError if they hold no mapping."""
    try:
        source = source_text(path, data)
        root = next(compose(source.text), None)
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 or UTF-16 text") from None
    except ManifestError as fault:
        raise ConfigError(f"{path}:{fault.line}: {fault}") from None
    if root is None or root.fields is None or not isinstance(root.value, dict):
        raise ConfigError(f"{path}: its first document is not a mapping, so the API server does not start with it")
    return PolicyFile(load(root.value, minor), Document(source, 0, root))


def dropped_message(key: DroppedKey) -> str:
    """Says of a key that it counts for nothing."""
    part = {"policy": "a policy", "rule": "a rule", "resources": "an item of `resources`"}[key.part]
    belongs = next((other for other, names in KEYS.items() if key.name in names), "")
    places = {"policy": "the policy", "rule": "the rule", "resources": "an item of `resources`"}
    hint = f"; it belongs in {places[belongs]}" if belongs else suggestion(key.name, KEYS[key.part])
    return f"{part} has no key `{key.name}`, so the API server drops it{hint}"
