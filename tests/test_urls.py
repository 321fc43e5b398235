"""urls.py: how URLs are shown."""

from __future__ import annotations

import pytest

from kgate.urls import shown_url

SHOWN = {
    "nothing to hide": ("https://git.example.org/a/b?ref=main", "https://git.example.org/a/b?ref=main"),
    "a password": ("https://bot:s3cret@git.example.org/a", "https://git.example.org/a"),
    "a token alone": ("https://s3cret@git.example.org/a", "https://git.example.org/a"),
    "an at in the password": ("https://bot:s3@cret@git.example.org/a", "https://git.example.org/a"),
    "no password": ("ssh://git@git.example.org/a", "ssh://git.example.org/a"),
    "as scp has it": ("bot:s3cret@git.example.org:a/b", "git.example.org:a/b"),
    "as scp has it, without": ("git@git.example.org:a/b", "git@git.example.org:a/b"),
    "a parameter": ("https://a.example.org/x?access_token=s3cret", "https://a.example.org/x?access_token=…"),
    "parameters": ("https://a.example.org/x?ref=v1&sig=s3cret&t=s3cret", "https://a.example.org/x?ref=v1&sig=…&t=…"),
    "a chart": ("oci://bot:s3cret@registry.example.org/charts", "oci://registry.example.org/charts"),
    "prefixed": ("git::https://bot:s3cret@git.example.org/a", "git::https://git.example.org/a"),
    "in a sentence": (
        "fatal: unable to access 'https://bot:s3cret@git.example.org/a/': refused",
        "fatal: unable to access 'https://git.example.org/a/': refused",
    ),
    "a header": ("Authorization: Bearer s3cret, x", "Authorization: …, x"),
    "a header of its own": ("X-Private-Token: s3cret", "X-Private-Token: …"),
    "several": (
        "https://a:s3cret@b.example.org https://c:s3cret@d.example.org",
        "https://b.example.org https://d.example.org",
    ),
    "a mail address": ("mail bot@example.org", "mail bot@example.org"),
    "a digest": ("image: registry.example.org:5000/a@sha256:1", "image: registry.example.org:5000/a@sha256:1"),
    "a question": ("what?a=1 and b", "what?a=… and b"),
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.values(), ids=SHOWN.keys())
def test_shown_without_credentials(text: str, shown: str) -> None:
    assert shown_url(text) == shown
    assert "s3cret" not in shown


@pytest.mark.parametrize("piece", ["://", "a@", "a:b", "?a=", "token: ", "://a:", "://@", "-token"])
def test_long_texts_take_no_time(piece: str) -> None:
    """A quadratic pattern would take minutes."""
    assert len(shown_url(piece * 20_000)) <= 20_000 * (len(piece) + 1)
