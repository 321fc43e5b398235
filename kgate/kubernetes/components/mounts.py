"""Finds what the files that the flags of a program name stand for: folders of its node, or of its container alone."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kgate.kubernetes.podspec import list_of, mapping
from kgate.model import Container, Json, Pod, Pointer, child_pointer
from kgate.values import dataclass

FLAGS = ("audit-policy-file", "audit-log-path", "audit-webhook-config-file")
"""The flags whose files are looked for."""

PLACES = ("mount", "volume")
"""What a rule may point at instead of a flag: ``FLAG.mount`` is the mount of its file, ``FLAG.volume`` the volume."""

_STREAM = "-"
"""What stands for the standard output in place of a file (kube-apiserver, --audit-log-path)."""


@dataclass(frozen=True, slots=True)
class FileMount:
    """A mount of a container at ``path``. ``kind`` is that of the volume: ``hostPath``, ``emptyDir`` and so on, and
    ``host`` and ``type`` the path and the type of a hostPath volume. ``is_shared`` says that other containers mount the
    volume, too. ``pointer`` is where the mount stands, ``source`` where the type does, or its volume."""

    path: str
    kind: str
    pointer: Pointer
    source: Pointer
    host: str = ""
    type: str = ""
    is_read_only: bool = False
    is_shared: bool = False


def facts(settings: Mapping[str, Json], mounts: Sequence[FileMount]) -> dict[str, Json]:
    """Returns by flag how the file that it names is mounted, as rules see it: ``isMounted`` and, if it is, ``kind``,
    ``host``, its path on the node, ``type``, ``isReadOnly``, ``isShared`` and ``isFile``, which is true if the file
    itself is mounted, and no folder around it."""
    found: dict[str, Json] = {}
    for flag, path in _files(settings):
        mount = _mount_of(path, mounts)
        found[flag] = {"isMounted": False} if mount is None else _as_json(mount, path)
    return found


def places(settings: Mapping[str, Json], mounts: Sequence[FileMount]) -> dict[str, Pointer]:
    """Returns the places of the mounts and volumes of these files (PLACES)."""
    found: dict[str, Pointer] = {}
    for flag, path in _files(settings):
        if (mount := _mount_of(path, mounts)) is not None:
            own = (mount.pointer, mount.source)
            found |= {f"{flag}.{name}": place for name, place in zip(PLACES, own, strict=True)}
    return found


def _files(settings: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for flag in FLAGS:
        path = settings.get(flag)
        if isinstance(path, str) and path not in ("", _STREAM):
            yield flag, _normal(path)


def _normal(path: str) -> str:
    """Returns a path without detours; a program in a container starts in its root folder."""
    return posixpath.normpath(posixpath.join("/", path.lstrip("/")))


def _mount_of(path: str, mounts: Iterable[FileMount]) -> FileMount | None:
    """Returns the innermost mount around a path."""
    around = [one for one in mounts if path == one.path or path.startswith(one.path.rstrip("/") + "/")]
    return max(around, key=lambda one: len(one.path), default=None)


def _as_json(mount: FileMount, path: str) -> dict[str, Json]:
    return {
        "isMounted": True,
        "kind": mount.kind,
        "host": posixpath.normpath(posixpath.join(mount.host, posixpath.relpath(path, mount.path)))
        if mount.host
        else "",
        "type": mount.type,
        "isReadOnly": mount.is_read_only,
        "isShared": mount.is_shared,
        "isFile": mount.path == path,
    }


def of_container(pod: Pod, container: Container) -> tuple[FileMount, ...] | None:
    """Returns the mounts of a container; None if something else completes its pod."""
    if not pod.is_whole:
        return None
    others = [one for one in pod.containers if one.pointer != container.pointer]
    shared = {mount.get("name") for one in others for _, mount in _mounts(one) if isinstance(mount.get("name"), str)}
    volumes = {}
    for index, volume in enumerate(map(mapping, list_of(mapping(pod.spec).get("volumes")))):
        if isinstance(name := volume.get("name"), str):
            volumes[name] = (volume, child_pointer(pod.pointer, "volumes", index))
    found = []
    for pointer, mount in _mounts(container):
        path, name = mount.get("mountPath"), mount.get("name")
        if isinstance(path, str) and isinstance(name, str) and name in volumes:
            volume, place = volumes[name]
            kind = next((key for key in volume if key != "name"), "emptyDir")
            host = mapping(volume.get("hostPath"))
            has_type = "type" in host and "subPath" not in mount
            found.append(
                FileMount(
                    _normal(path),
                    kind,
                    pointer,
                    child_pointer(place, "hostPath", "type") if has_type else place,
                    _host(host.get("path"), mount.get("subPath")),
                    str(host["type"] or "") if has_type else "",
                    mount.get("readOnly") is True,
                    name in shared,
                )
            )
    return tuple(found)


def _mounts(container: Container) -> Iterator[tuple[Pointer, Mapping[str, Json]]]:
    for index, mount in enumerate(list_of(mapping(container.body).get("volumeMounts"))):
        yield child_pointer(container.pointer, "volumeMounts", index), mapping(mount)


def of_extra_volumes(value: Json, pointer: Pointer, read_only: str = "readOnly") -> Iterator[FileMount]:
    """Yields the folders and files of the node that a tool mounts into a program, as kubeadm and Talos list them in
    ``extraVolumes``; ``read_only`` is the field that says which ones cannot be written."""
    for index, one in enumerate(map(mapping, list_of(value))):
        place = child_pointer(pointer, index)
        if isinstance(path := one.get("mountPath"), str):
            kind = one.get("pathType")
            source = child_pointer(place, "pathType") if kind else place
            host = _host(one.get("hostPath"))
            yield FileMount(_normal(path), "hostPath", place, source, host, str(kind or ""), one.get(read_only) is True)


def _host(path: Json, inner: Json = None) -> str:
    """Returns a path on the node, or below it; empty if there is none."""
    if not isinstance(path, str) or not path:
        return ""
    return posixpath.normpath(posixpath.join(path, inner.lstrip("/") if isinstance(inner, str) else ""))


def of_node(pointer: Pointer, *paths: str, is_read_only: bool = True) -> Iterator[FileMount]:
    """Yields folders of the node that a tool always mounts where they are; ``pointer`` is what makes it do so."""
    return (FileMount(path, "hostPath", pointer, pointer, path, "", is_read_only) for path in paths)
