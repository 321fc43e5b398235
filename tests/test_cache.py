"""cache.py: what is kept comes back whole, or not at all."""

from __future__ import annotations

import errno
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kgate import cache
from kgate.cache import Cache, open_cache

KEY = bytes(range(32))
OTHER = bytes([255] * 32)


@pytest.fixture
def store(tmp_path: Path) -> Cache:
    found = open_cache(tmp_path / "kgate" / "cache")
    assert found is not None
    return found


def entry(store: Cache) -> Path:
    (path,) = store.folder.glob("*/*.entry")
    return path


@pytest.mark.parametrize("content", [b"", b"text", bytes(range(256)) * 4096], ids=["nothing", "a text", "a megabyte"])
def test_what_is_kept_comes_back(store: Cache, content: bytes) -> None:
    assert store.get(KEY) is None
    store.put(KEY, content)
    assert store.get(KEY) == content
    assert store.get(OTHER) is None


def test_the_last_one_counts(store: Cache) -> None:
    store.put(KEY, b"old")
    store.put(KEY, b"new")
    assert store.get(KEY) == b"new"


DAMAGES = [
    pytest.param(lambda data: b"", id="emptied"),
    pytest.param(lambda data: data[:-1], id="cut off"),
    pytest.param(lambda data: data[:20], id="cut off early"),
    pytest.param(lambda data: data + b"x", id="longer"),
    pytest.param(lambda data: data[:-1] + b"!", id="changed at the end"),
    pytest.param(lambda data: b"K" + data[1:], id="another format"),
    pytest.param(lambda data: data[:14] + bytes(32) + data[46:], id="another digest"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_none(store: Cache, damage: object) -> None:
    store.put(KEY, b"content")
    path = entry(store)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert store.get(KEY) is None
    assert not path.exists(), "it is removed"
    store.put(KEY, b"content")
    assert store.get(KEY) == b"content"


def test_an_entry_under_another_name_is_none(store: Cache) -> None:
    store.put(KEY, b"content")
    path = entry(store)
    place = store._path(OTHER)
    place.parent.mkdir()
    path.rename(place)
    assert store.get(OTHER) is None


def test_a_full_disk_is_no_error(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", fail)
    store.put(KEY, b"content")
    assert store.get(KEY) is None
    assert not list(store.folder.glob("*/*")), "nothing half written stays"


def test_a_folder_that_cannot_be_written_to_is_no_error(store: Cache) -> None:
    store.folder.rmdir()
    store.folder.write_text("", encoding="utf-8")
    store.put(KEY, b"content")
    assert store.get(KEY) is None


def test_it_does_not_grow_beyond_its_bound(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    store = replace(store, most=5_000)
    for number in range(20):
        store.put(bytes([number]) * 32, b"x" * 900)
        os.utime(store._path(bytes([number]) * 32), (number, number))
    kept = [number for number in range(20) if store.get(bytes([number]) * 32) is not None]
    assert kept == [15, 16, 17, 18, 19], "the ones used last"
    monkeypatch.setattr(cache, "MAX_ENTRY_BYTES", 10)
    store.put(KEY, b"x" * 11)
    assert store.get(KEY) is None


def test_several_may_write_the_same_entry(store: Cache) -> None:
    contents = [bytes([65 + number]) * 100_000 for number in range(8)]
    seen: list[bytes | None] = []

    def work(content: bytes) -> None:
        for _ in range(20):
            store.put(KEY, content)
            seen.append(store.get(KEY))

    threads = [threading.Thread(target=work, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 160
    assert set(seen) <= {*contents}, "always one of them, and whole"


def others_may_write(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(others_may_write, id="a folder that others may write to"),
        pytest.param(lambda folder: folder.write_text("", encoding="utf-8"), id="a file"),
        pytest.param(lambda folder: folder.symlink_to("/"), id="a link"),
        pytest.param(lambda folder: folder.symlink_to("nowhere"), id="a link to nowhere"),
    ],
)
def test_what_is_no_folder_of_this_user_is_not_used(tmp_path: Path, make: object) -> None:
    make(tmp_path / "cache")  # type: ignore[operator]
    assert open_cache(tmp_path / "cache") is None
