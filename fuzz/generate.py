"""Makes odd manifests that resemble real ones: document markers, tags, escapes, encodings, line breaks."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

_BREAKS = ("\n", "\n", "\n", "\n", "\r\n", "\r", "\x85", "\u2028", "\u2029")
_MARKS = (
    *("---",) * 40,
    *(
        "---#",
        "---# c",
        "--- # c",
        "---\t",
        "---  ",
        "---\xa0",
        "--- \xa0",
        "---\x0c",
        "---\u3000#",
        "--- # c\rkind: Pod",
    ),
    *(
        "...",
        "... # c",
        "---x: 1",
        "--- {a: 1}",
        "--- !!map",
        "--- |",
        "--- &a",
        '--- "',
        " ---",
        "----",
        "--- #\x85a: 1",
    ),
)
_DIRECTIVES = ("%YAML 1.1", "%YAML 1.2", "%TAG ! tag:yaml.org,2002:", "%TAG !b! tag:yaml.org,2002:bin", "%x", "%")
_ODD_TOKENS = (
    *(
        "\ufeff",
        "\t",
        "\x0b",
        "\x85",
        "\u2028",
        "\xa0",
        "\r",
        "\n",
        " ",
        "#",
        " #",
        ":",
        ": ",
        "- ",
        "? ",
        "&a ",
        "*a",
        "<<: *a\n",
    ),
    *(
        "!!binary ",
        "!!str ",
        "! ",
        "!!map ",
        "!<tag:yaml.org,2002:str> ",
        "|",
        ">-",
        "'",
        '"',
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
    ),
    *(
        "---",
        "\n---\n",
        "\n---#\n",
        "\n...\n",
        "%",
        "\x00",
        "\x7f",
        "😀",
        "=",
        "~",
        "null",
        "0x1",
        "1_000",
        ".inf",
        "1e3",
        "{}{}",
    ),
)


def manifest(rng: random.Random) -> bytes:
    """Returns the bytes of a file with several documents, often with some damage."""
    line_break = rng.choice(_BREAKS) if rng.random() < 0.3 else "\n"
    parts: list[str] = []
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.04:
            parts.append(rng.choice(_DIRECTIVES))
        if parts or rng.random() < 0.3:
            parts.append(rng.choice(_MARKS))
        if rng.random() < 0.15:
            parts.append(rng.choice(("# c", "", "  # c: d", "\ufeff", "#\ufeff")))
        parts.append(_document(rng))
    text = "\n".join(parts) + "\n" * rng.randint(0, 2)
    if line_break != "\n":
        text = "".join(line_break if sign == "\n" and rng.random() < 0.8 else sign for sign in text)
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 1, 3))):
        text = _damage(rng, text)
    return _encoded(rng, text)


def _damage(rng: random.Random, text: str) -> str:
    start = rng.randint(0, len(text))
    kind = rng.random()
    if kind < 0.6:
        return text[:start] + rng.choice(_ODD_TOKENS) + text[start:]
    end = min(len(text), start + rng.randint(1, 8))
    if kind < 0.85:
        return text[:start] + text[end:]
    again = rng.randint(0, len(text))
    return text[:again] + text[start:end] + text[again:]


def _encoded(rng: random.Random, text: str) -> bytes:
    kind = rng.random()
    if kind < 0.9:
        data = text.encode("utf-8", "surrogatepass")
        return data if rng.random() < 0.9 else _damaged_bytes(rng, data)
    if kind < 0.94:
        return b"\xef\xbb\xbf" + text.encode()
    return text.encode("utf-16") if kind < 0.97 else b"\xfe\xff" + text.encode("utf-16-be")


def _damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + bytes([rng.randrange(256)]) + data[place + rng.randint(0, 1) :]


def _document(rng: random.Random) -> str:
    body = _body(rng)
    kind = rng.random()
    if kind < 0.15:
        return json.dumps(body, indent=rng.choice((None, 2)), ensure_ascii=rng.random() < 0.5)
    if kind < 0.2:
        return json.dumps(body) * 2
    if kind < 0.3:
        return rng.choice(
            ("a: 1", "- x", "text", "", "{", "a: [", "x: '", "{{ range }}", "a:\n\t- b", "? a\n: b", '"a\n%b"')
        )
    if kind < 0.5:
        return _flow(rng, body)
    lines = _block(rng, body)
    if rng.random() < 0.2:
        lines.insert(
            rng.randint(0, len(lines)), rng.choice(("# c", "", "  ", "\ufeff# c", "#---", "x: |\n  ---\n  a: 1"))
        )
    return "\n".join(lines)


def _body(rng: random.Random) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "c",
        "image": rng.choice(("nginx:1", "a/b@sha256:c")),
        "args": ["--listen=:80", "x: y", "# z"][: rng.randint(0, 3)],
    }
    if rng.random() < 0.5:
        container["securityContext"] = {"privileged": rng.choice((True, False, "yes"))}
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": rng.choice("abc")},
        "spec": {"containers": [container]},
    }
    if rng.random() < 0.25:
        body = _list(rng, body)
    if rng.random() < 0.2:
        body["data"] = {
            "k": rng.choice(
                ("a\n---\nb\n", "x\n", "---#", "é😀", "\t", "%a", "", "y", "010", "1e3", "null", 1, 2.5, None)
            )
        }
    return body


def _list(rng: random.Random, pod: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """Returns a list around a Pod, as kubectl knows lists: any object with items, whose members may lack a kind."""
    members: list[Any] = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.random()
        member = {key: value for key, value in pod.items() if rng.random() < 0.8 or key not in ("apiVersion", "kind")}
        if kind < 0.3 and depth < 3:
            member = _list(rng, pod, depth + 1)
        elif kind < 0.5:
            member = {"metadata": pod["metadata"], "spec": pod["spec"]}
        members.append(member if kind < 0.95 else rng.choice((None, 1, "x", [], {}, [pod])))
    body: dict[str, Any] = {
        "apiVersion": rng.choice(("v1",) * 7 + ("", None, 1)),
        "kind": rng.choice(("List", "List", "PodList", "Pod", "ConfigMap", "Template", "PodListList", "", None, 1)),
        rng.choice(("items",) * 8 + ("Items", "objects")): members if rng.random() < 0.95 else {"a": pod},
    }
    if rng.random() < 0.3:
        body |= {"metadata": {"name": "d"}, "spec": pod["spec"]}
    if rng.random() < 0.1:
        body["objects"] = [pod]
    return {key: value for key, value in body.items() if rng.random() < 0.9}


def _block(rng: random.Random, value: Any, indent: int = 0) -> list[str]:
    """Returns a value in block style, with scalars spelled in many ways."""
    space = " " * indent
    if isinstance(value, dict) and value:
        lines = []
        for key, member in value.items():
            lines += _entry(rng, f"{space}{_key(rng, key)}:", member, indent)
        return lines
    if isinstance(value, list) and value:
        return [line for member in value for line in _entry(rng, f"{space}-", member, indent)]
    return [space + _flow(rng, value)]


def _entry(rng: random.Random, head: str, member: Any, indent: int) -> list[str]:
    if isinstance(member, (dict, list)) and member and rng.random() < 0.7:
        anchor = rng.choice(("", "", "", " &a", " !!map", " # c")) if isinstance(member, dict) else ""
        return [head + anchor, *_block(rng, member, indent + rng.choice((1, 2, 4)))]
    if isinstance(member, str) and "\n" in member and rng.random() < 0.5:
        inner = " " * (indent + 2)
        return [f"{head} {rng.choice(('|', '|-', '>', '|+'))}", *(inner + line for line in member.split("\n"))]
    return [f"{head} {_flow(rng, member)}"]


def _flow(rng: random.Random, value: Any) -> str:
    gap = rng.choice((" ", " ", " ", "", "\n  ", "\t"))
    if isinstance(value, dict):
        return (
            "{"
            + f",{gap}".join(f"{_key(rng, key)}:{gap or ' '}{_flow(rng, member)}" for key, member in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + f",{gap}".join(_flow(rng, member) for member in value) + "]"
    return _scalar(rng, value)


def _key(rng: random.Random, key: str) -> str:
    return _scalar(rng, key) if rng.random() < 0.3 else key


def _scalar(rng: random.Random, value: Any) -> str:
    if not isinstance(value, str):
        return rng.choice((json.dumps(value), "~")) if value is None else json.dumps(value)
    return rng.choice(_SPELLINGS)(rng, value)


def _plain(_: random.Random, text: str) -> str:
    return text if text.isalnum() else json.dumps(text)


def _escaped(rng: random.Random, text: str) -> str:
    """Returns a double-quoted string with escaped letters and folded lines."""
    return '"' + "".join(_letter(rng, letter) for letter in text) + '"'


def _letter(rng: random.Random, letter: str) -> str:
    code, kind = ord(letter), rng.random()
    if kind < 0.2 and code < 256:
        return f"\\x{code:02x}"
    if kind < 0.3 and code < 65536:
        return f"\\u{code:04X}"
    if kind < 0.35:
        return f"\\U{code:08x}"
    if kind < 0.4:
        return f"\\\n   {json.dumps(letter, ensure_ascii=False)[1:-1]}"
    return json.dumps(letter, ensure_ascii=rng.random() < 0.5)[1:-1]


def _binary(_: random.Random, text: str) -> str:
    return f"!!binary {base64.b64encode(text.encode()).decode()}"


def _verbatim_binary(_: random.Random, text: str) -> str:
    return f"!<tag:yaml.org,2002:bin%61ry> {base64.b64encode(text.encode()).decode()}"


def _tagged(rng: random.Random, text: str) -> str:
    return f"{rng.choice(('!!str', '!', '!x', '!<tag:yaml.org,2002:str>'))} {json.dumps(text)}"


def _single(_: random.Random, text: str) -> str:
    return "'" + text.replace("'", "''") + "'" if "\n" not in text else json.dumps(text)


def _anchored(rng: random.Random, text: str) -> str:
    return f"&{rng.choice('ab')} {json.dumps(text)}"


def _alias(rng: random.Random, _: str) -> str:
    return f"*{rng.choice('ab')}"


_SPELLINGS: tuple[Callable[[random.Random, str], str], ...] = (
    *(_plain,) * 40,
    *(_single, _escaped, _binary, _tagged) * 4,
    *(_verbatim_binary, _anchored, _anchored, _alias),
)
