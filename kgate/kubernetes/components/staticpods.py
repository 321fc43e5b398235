"""Reads the components that containers run: static pods, and whatever else starts such a program in a pod."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from kgate.kubernetes.components import mounts
from kgate.kubernetes.components.assemble import Owner, assemble
from kgate.kubernetes.components.commandline import Argument, CommandLine, command_lines, written
from kgate.kubernetes.components.component import Components, Hint, WrittenSetting
from kgate.kubernetes.components.flags import NAMES, NEWEST_ETCD
from kgate.kubernetes.podspec import list_of, mapping
from kgate.kubernetes.pss import NEWEST_MINOR
from kgate.model import Container, Json, Pod, Pointer, Resource, child_pointer

_IMAGE = re.compile(r"(?:.*/)?([^/:@]+)(?::([^@]*))?(?:@.*)?", re.DOTALL)
_VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:[.+_-].*)?", re.DOTALL)
_CONTROL_PLANE_NAMESPACE = "kube-system"


def components(resource: Resource, pod: Pod, minor: int) -> Iterator[Components]:
    """Yields the components of a pod; ``minor`` is the version of those that do not say theirs.

    An etcd counts if it shares the node's network or is in kube-system: others keep the data of an application.
    """
    for container in pod.containers:
        body = mapping(container.body)
        for one in command_lines(_words(body, container.pointer, resource.unknown)):
            if isinstance(one, Hint):
                yield Components(unread=(one,))
            elif one.program != "etcd" or _is_of_cluster(resource, pod):
                yield _component(one, pod, container, minor)


def _is_of_cluster(resource: Resource, pod: Pod) -> bool:
    return resource.id.namespace == _CONTROL_PLANE_NAMESPACE or mapping(pod.spec).get("hostNetwork") is True


def _words(body: Mapping[str, Json], pointer: Pointer, unknown: Collection[Pointer]) -> Sequence[Argument]:
    """The words of what a container runs; its image stands for the program where it only gives arguments to it."""
    variables = _Variables(body, pointer, unknown)
    command, args = (
        [
            variables.word(item, child_pointer(pointer, field, index))
            for index, item in enumerate(list_of(body.get(field)))
        ]
        for field in ("command", "args")
    )
    name = _image(body)[0]
    if not command and name in NAMES and args and args[0].text.startswith("-"):
        command = [Argument(name, child_pointer(pointer, "image"))]
    return (*command, *args)


def _image(body: Mapping[str, Json]) -> tuple[str, str]:
    """The last part of the name of a container's image, without what it is built for, and its tag."""
    image = body.get("image")
    match = _IMAGE.fullmatch(image) if isinstance(image, str) else None
    if match is None:
        return "", ""
    return re.sub(r"-(?:amd64|arm64|arm|ppc64le|s390x)$", "", match[1]), match[2] or ""


def _component(line: CommandLine, pod: Pod, container: Container, minor: int) -> Components:
    body = mapping(container.body)
    read = (*_from_environment(line.program, container), *written(line))
    settings = [one for one in read if isinstance(one, WrittenSetting)]
    unread = tuple(one for one in read if isinstance(one, Hint))
    is_whole = pod.is_whole and not unread
    field = "args" if list_of(body.get("args")) else "command"
    place, seen = child_pointer(container.pointer, field), mounts.of_container(pod, container)
    owner = Owner(place, is_whole=is_whole, pod=pod, container=container, mounts=seen)
    version, doubt = _version(line.program, body, minor)
    found = assemble(line.program, version, settings, owner)
    hints = (Hint(child_pointer(container.pointer, "image"), doubt),) if doubt else ()
    return Components(found.components, found.gaps, unread, (*hints, *found.hints))


def _version(program: str, body: Mapping[str, Json], minor: int) -> tuple[int, str]:
    """Returns the version of a program, by the tag of its image, and what is to be said about it; empty if nothing."""
    line, newest = (3, NEWEST_ETCD) if program == "etcd" else (1, NEWEST_MINOR)
    fallback = NEWEST_ETCD if program == "etcd" else minor
    match = _VERSION.fullmatch(_image(body)[1])
    if match is None or int(match[1]) != line:
        return fallback, f"the image does not say the version of {program}; it is judged as {line}.{fallback}"
    if int(match[2]) > newest:
        return newest, f"{program} {line}.{match[2]} is newer than kgate knows; it is judged as {line}.{newest}"
    return int(match[2]), ""


def _from_environment(program: str, container: Container) -> Iterator[WrittenSetting]:
    """Yields what etcd takes from its environment; its flags, which come later, win."""
    if program != "etcd":
        return
    for index, entry in enumerate(list_of(mapping(container.body).get("env"))):
        name, value = mapping(entry).get("name"), mapping(entry).get("value")
        if isinstance(name, str) and name.startswith("ETCD_"):
            flag = name.removeprefix("ETCD_").lower().replace("_", "-")
            pointer = child_pointer(container.pointer, "env", index)
            yield WrittenSetting(flag, value, pointer, isinstance(value, str))


_REFERENCE = re.compile(r"\$\$|\$\(([^()$]+)\)")
_TEMPLATED = re.compile(r"\{\{|<%|\$\{")

_MOST_LETTERS = 2 * 1024 * 1024
"""Letters that variables stand for in a container; Linux starts no program with more arguments (execve(2))."""


class _Variables:
    """The environment of a container, from which Kubernetes takes what ``$(NAME)`` stands for in its command, its
    arguments and later variables (k8s.io/kubernetes, third_party/forked/golang/expansion)."""

    def __init__(self, body: Mapping[str, Json], pointer: Pointer, unknown: Collection[Pointer]) -> None:
        self._unknown = unknown
        self._left = _MOST_LETTERS
        self._values: dict[str, str | None] = {}
        self._has_more = bool(body.get("envFrom"))
        for index, entry in enumerate(map(mapping, list_of(body.get("env")))):
            value = entry.get("value", "")
            word = self.word(value, child_pointer(pointer, "env", index, "value"))
            is_known = isinstance(value, str) and "valueFrom" not in entry and word.is_known
            self._values[str(entry.get("name"))] = word.text if is_known else None

    def word(self, item: Json, pointer: Pointer) -> Argument:
        """Returns an item as the program gets it. A name that is nowhere defined stays as it is written."""
        text = item if isinstance(item, str) else str(item)
        if pointer in self._unknown:
            return Argument(text, pointer, is_known=False)
        if "$" not in text and "{" not in text and "<" not in text:
            return Argument(text, pointer)
        values = [self._values.get(name, None if self._has_more else "") for name in _REFERENCE.findall(text) if name]
        self._left -= sum(len(value) for value in values if value is not None)
        if self._left < 0:
            return Argument(text, pointer, is_known=False)
        is_known = None not in values and not _TEMPLATED.search(text)
        return Argument(_REFERENCE.sub(self._value, text), pointer, is_known)

    def _value(self, match: re.Match[str]) -> str:
        value = self._values.get(match[1]) if match[1] else "$"
        return value if isinstance(value, str) else match[0]
