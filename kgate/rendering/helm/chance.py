"""Stand-ins for functions of templates whose result changes from one rendering to the next."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kgate.rendering import gotemplate
from kgate.rendering.gotemplate import StandIn, Token
from kgate.values import dataclass

_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance comes to in one rendering: a word, digits, a time, and whether numbers are the largest possible."""

    word: str
    digits: str
    time: str
    is_high: bool = False

    def stand_ins(self) -> Mapping[str, StandIn]:
        """What is called in place of each function of chance (Masterminds/sprig). Each takes the same arguments, which
        it ignores but for a length: a format that names its arguments by number may leave some out."""
        letters = StandIn(f'printf "%.[2]*[1]s" "{self.word * _LENGTH}"')
        text, key = StandIn(f'printf "%[1]s" "{self.word}"'), _pem("PRIVATE KEY", self.word)
        certificate = StandIn(f'dict "Cert" "{_pem("CERTIFICATE", self.word)}" "Key" "{key}"')
        high = {
            "randInt": StandIn("max", " | add -1 "),
            "shuffle": StandIn('printf "%[1]s"', ' | splitList "" | reverse | join "" '),
        }
        low = {"randInt": StandIn("min"), "shuffle": StandIn('printf "%[1]s"')}
        return {
            **dict.fromkeys(("randAlphaNum", "randAlpha", "randAscii"), letters),
            "randNumeric": StandIn(f'printf "%.[2]*[1]s" "{self.digits * _LENGTH}"'),
            **dict.fromkeys(("randBytes", "bcrypt", "encryptAES"), text),
            "htpasswd": StandIn(f'printf "%[2]s:%[1]s" "$2a$10${self.word}"'),
            "uuidv4": StandIn(f'(print "{self.digits[:4] * 2}-{self.digits[:4]}-4000-8000-{self.digits[:4] * 3}")'),
            "now": StandIn(f'(toDate "2006-01-02 15:04:05" "{self.time}")'),
            "ago": StandIn(f'printf "%[1]s" "{self.time[-1]}h0m0s"'),
            "genPrivateKey": StandIn(f'printf "%[1]s" "{key}"'),
            **dict.fromkeys(_CERTIFICATES, certificate),
            "keys": StandIn("keys", " | sortAlpha "),
            **(high if self.is_high else low),
        }


_CERTIFICATES = (
    *("genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey"),
    *("genSignedCert", "genSignedCertWithKey"),
)


def _pem(kind: str, word: str) -> str:
    return rf"-----BEGIN {kind}-----\n{word}\n-----END {kind}-----\n"


DRAWS = (
    Draw("random", "135791", "2021-02-03 04:05:06"),
    Draw("chance", "246802", "2032-11-12 13:14:17", is_high=True),
)
"""Two renderings that differ in all that chance decides. The first is the one that is judged."""

_STAND_INS = tuple(draw.stand_ins() for draw in DRAWS)
_NAMES = "|".join(sorted({*_STAND_INS[0], "values"} - {"keys"}))
_CALL = re.compile(rf"(?<![\w.$])(?:{_NAMES})\b")
_ANY = re.compile(rf"\b(?:{_NAMES}|keys)\b")
_RANGE_OF_VALUES = re.compile(r"(\s*+range\s++(?:\$\w++\s*+:=\s*+)?)values\s++(?=[^\s|]++\s*+\Z)")


def may_call(text: str) -> bool:
    """True if a text, as a template or around several, may call a function of chance in an action. Comments about them
    do not count: most values files speak of their values."""
    return any(_CALL.search(part[: part.rfind("}}")] if "}}" in part else part) for part in text.split("{{")[1:])


def settled(token: Token, index: int) -> Token:
    """An action that gives the same each time: as in one of the DRAWS."""
    if token.body is None or token.is_comment or not _ANY.search(token.body):
        return token
    body = token.body
    if found := _RANGE_OF_VALUES.match(body):  # a range over a mapping is in the order of its keys
        body = found[1] + body[found.end() :]
    return token._replace(body=gotemplate.with_stand_ins(body, _STAND_INS[index]))


def settled_text(text: str, tokens: tuple[Token, ...], index: int) -> str:
    """A template whose actions give the same each time."""
    if not _ANY.search(text):
        return text
    out: list[str] = []
    for token in tokens:
        own = settled(token, index)
        out.append(text[token.start : token.end] if own.body == token.body else gotemplate.written(own))
    return "".join(out)
