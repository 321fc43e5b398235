"""urls.py: how URLs, and texts with URLs in them, are shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kgate.urls import shown_text, shown_url

LONG = "aB3dE5gH7jK9mN1p"
HEX = "0123456789abcdef" * 2

URLS = {
    "nothing to hide": ("https://git.example.org/a/b?ref=main", "https://git.example.org/a/b?ref=main"),
    "a port": ("ssh://git.example.org:2222/a", "ssh://git.example.org:2222/a"),
    "a password": ("https://bot:s3cret@git.example.org/a", "https://git.example.org/a"),
    "a token alone": ("https://s3cret@git.example.org/a", "https://git.example.org/a"),
    "an at in the password": ("https://bot:s3@cret@git.example.org/a", "https://git.example.org/a"),
    "a slash in the password": ("https://bot:s3/cret@git.example.org/a", "https://git.example.org/a"),
    "a slash in a password of digits": ("https://bot:33/s3cret@git.example.org/a", "https://git.example.org/a"),
    "a question in the password": ("https://bot:s3cret?x@git.example.org/a", "https://git.example.org/a"),
    "a number sign in the password": ("https://bot:s3cret#x@git.example.org/a", "https://git.example.org/a"),
    "an at and a slash in it": ("https://bot:s3@cret/x@git.example.org/a", "https://git.example.org/a"),
    "a blank in the password": ("https://bot:x s3cret@git.example.org/a", "https://git.example.org/a"),
    "a quote in the password": ("https://bot:x's3cret@git.example.org/a", "https://git.example.org/a"),
    "a line break in the password": ("https://bot:s3\ncret@git.example.org/a", "https://git.example.org/a"),
    "an at by its number": ("https://bot:s3cret%40git.example.org/a", "https://…/a"),
    "an at by its number, no scheme": ("bot:s3cret%40git.example.org/a", "…"),
    "no user but one of SSH": ("ssh://git@git.example.org/a", "ssh://git.example.org/a"),
    "as scp has it": ("bot:s3cret@git.example.org:a/b", "git.example.org:a/b"),
    "as scp has it, a token alone": ("s3cret@git.example.org:a/b", "git.example.org:a/b"),
    "as scp has it, git": ("git@git.example.org:a/b", "git@git.example.org:a/b"),
    "as scp has it, git and an at": ("git@git.example.org:a/b@v1", "git@git.example.org:a/b@v1"),
    "as scp has it, git and a password": ("git:s3cret@git.example.org:a", "git.example.org:a"),
    "no scheme": ("bot:s3cret@git.example.org/a?ref=v1&x=s3cret", "git.example.org/a?ref=v1&…"),
    "no slashes": ("https:bot:s3cret@git.example.org/a", "https:git.example.org/a"),
    "one slash": ("https:/bot:s3cret@git.example.org/a", "https:/git.example.org/a"),
    "three slashes": ("https:///bot:s3cret@git.example.org/a", "https:///git.example.org/a"),
    "backslashes": ("https:\\\\bot:s3cret@git.example.org\\a", "https:\\\\git.example.org\\a"),
    "backslashes alone": ("\\\\bot:s3cret@git.example.org\\a", "\\\\git.example.org\\a"),
    "slashes alone": ("//bot:s3cret@git.example.org/a", "//git.example.org/a"),
    "upper case": ("HTTPS://bot:s3cret@git.example.org/a", "HTTPS://git.example.org/a"),
    "an unknown scheme": ("x+y.z://bot:s3cret@git.example.org/a", "x+y.z://git.example.org/a"),
    "IPv6": ("https://bot:s3cret@[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
    "a chart": ("oci://bot:s3cret@registry.example.org/charts", "oci://registry.example.org/charts"),
    "prefixed": ("git::https://bot:s3cret@git.example.org/a//b?ref=v1", "git::https://git.example.org/a//b?ref=v1"),
    "behind a proxy": (
        "https://a.example.org/https://x:s3cret@b.example.org/c",
        "https://a.example.org/https://b.example.org/c",
    ),
    "parameters": ("https://a.example.org/x?ref=v1&sig=s3cret&t=s3cret", "https://a.example.org/x?ref=v1&…"),
    "a parameter without a name": ("https://a.example.org/x?s3cret", "https://a.example.org/x?…"),
    "a parameter behind a semicolon": ("https://a.example.org/x;id=s3cret?ref=v1", "https://a.example.org/x;…"),
    "a fragment": ("https://a.example.org/x#s3cret", "https://a.example.org/x#…"),
    "an empty fragment": ("http://json-schema.org/schema#", "http://json-schema.org/schema#"),
    "a fragment behind a parameter": ("https://a.example.org/x?ref=v1#s3cret", "https://a.example.org/x?ref=v1&…"),
    "a token of GitHub in the path": ("https://a.example.org/ghp_s3cret0123456789/x", "https://a.example.org/…/x"),
    "a token of GitLab in the path": ("https://a.example.org/glpat-s3cret-0123456/x", "https://a.example.org/…/x"),
    "a token of GitHub as a version": (
        "https://a.example.org/x?ref=ghp_s3cret0123456789",
        "https://a.example.org/x?ref=…",
    ),
    "letters and digits in the path": (
        f"https://a.example.org/s3cret{LONG}/charts/",
        "https://a.example.org/…/charts/",
    ),
    "hexadecimal in the path": (f"https://a.example.org/{HEX}/x", "https://a.example.org/…/x"),
    "a long name": (
        "https://a.example.org/KubePrometheusStack2024/x",
        "https://a.example.org/KubePrometheusStack2024/x",
    ),
    "an at in the path": ("https://a.example.org/@b/c@v1", "https://a.example.org/@b/c@v1"),
    "a digest": ("oci://a.example.org/b@sha256:12", "oci://a.example.org/b@sha256:12"),
    "a file": ("file:///srv/git/a", "file:///srv/git/a"),
    "a path": ("../a/b@c", "../a/b@c"),
}

TEXTS = {
    "in a sentence": (
        "fatal: unable to access 'https://bot:s3cret@git.example.org/a/': refused",
        "fatal: unable to access 'https://git.example.org/a/': refused",
    ),
    "a quote in the password": ("at https://bot:x's3cret@git.example.org/a.", "at https://git.example.org/a."),
    "as scp has it": ("no bot:s3cret@git.example.org:a/b here", "no git.example.org:a/b here"),
    "as scp has it, a token alone": ("no s3cret@git.example.org:a/b here", "no git.example.org:a/b here"),
    "as scp has it, a token and a root": ("no s3cret@git.example.org:/a/b here", "no git.example.org:/a/b here"),
    "no slashes": ("'https:bot:s3cret@git.example.org/a'", "'git.example.org/a'"),
    "slashes alone": ("'//bot:s3cret@git.example.org/a'", "'//git.example.org/a'"),
    "an at by its number": ("'bot:s3cret%40git.example.org/a'", "'git.example.org/a'"),
    "a header": ("Authorization: Bearer s3cret, x", "Authorization: …, x"),
    "a header of its own": ("X-Private-Token: s3cret", "X-Private-Token: …"),
    "a token": ("'glpat-s3cret-0123456' is refused", "'…' is refused"),
    "several": (
        "https://a:s3cret@b.example.org, https://c:s3cret@d.example.org:",
        "https://b.example.org, https://d.example.org:",
    ),
    "several without blanks": (
        "x=https://b.example.org,https://c:s3cret@d.example.org",
        "x=https://…https://d.example.org",
    ),
    "no scheme": ("git.example.org/a?ref=v1&token=s3cret", "git.example.org/a?ref=v1&token=…"),
    "a mail address": ("mail bot@example.org: now", "mail bot@example.org: now"),
    "a digest": ("image: registry.example.org:5000/a@sha256:1", "image: registry.example.org:5000/a@sha256:1"),
    "a tag and a digest": ("image: nginx:1.25@sha256:1", "image: nginx:1.25@sha256:1"),
    "a question": ("what?a=1 and b", "what?a=… and b"),
    "a place": ("a.yaml:3: 'x' is no path, see docs/a.md", "a.yaml:3: 'x' is no path, see docs/a.md"),
}


@pytest.mark.parametrize(("url", "shown"), URLS.values(), ids=URLS.keys())
def test_a_url_without_credentials(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert shown_url(shown) == shown
    assert shown_text(shown) == shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(("text", "shown"), TEXTS.values(), ids=TEXTS.keys())
def test_a_text_without_credentials(text: str, shown: str) -> None:
    assert shown_text(text) == shown
    assert shown_text(shown) == shown
    assert "s3cret" not in shown


@pytest.mark.parametrize("show", [shown_url, shown_text])
@pytest.mark.parametrize(
    "piece",
    [
        "://",
        "a@",
        "a:b",
        "?a=",
        "token: ",
        "://a:",
        "://@",
        "-token",
        "aa://",
        ":",
        "a:%40",
        "a:a%",
        "aA1",
        "a.",
        "ghp_",
    ],
)
def test_long_texts_take_no_time(show: Callable[[str], str], piece: str) -> None:
    """A quadratic pattern would take minutes."""
    assert len(show(piece * 20_000)) <= 20_000 * (len(piece) + 1)
