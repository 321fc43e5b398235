"""encryption.py: what SOPS and others encrypt is no string that decides anything, and said to be encrypted."""

from __future__ import annotations

import pytest

from kgate.judgement.engine import Judge
from kgate.kubernetes import encryption, manifest, pss
from kgate.rules import load

TOKEN = "ENC[AES256_GCM,data:cT0x,iv:aa+/=,tag:bb==,type:bool]"
PRIVILEGED = "image: b, securityContext: {privileged: true}"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{{name: app, image: b{0}}}]}}\n{1}"
JUDGE = Judge(load.load(), pss.NEWEST_MINOR)


@pytest.mark.parametrize(
    ("content", "by"),
    [
        pytest.param(b"\0GITCRYPT\0\x01\x02\xff", "git-crypt", id="git-crypt"),
        pytest.param(b"age-encryption.org/v1\n-> X25519 a\n\xff", "age", id="age"),
        pytest.param(b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "age", id="age in letters"),
        pytest.param(b"\n-----BEGIN PGP MESSAGE-----\n\nhQ\n", "PGP", id="PGP"),
        pytest.param(b"$ANSIBLE_VAULT;1.1;AES256\n66\n", "Ansible Vault", id="Ansible Vault"),
    ],
)
def test_a_file_that_is_encrypted_as_a_whole_is_not_judged(content: bytes, by: str) -> None:
    found = manifest.read("a.yaml", content)
    assert not found.problems
    (one,) = found.unjudged
    assert f"it is encrypted by {by}" in one.text


def test_a_file_that_only_speaks_of_encryption_is_read() -> None:
    text = POD.format("", "# age-encryption.org/v1, GITCRYPT, $ANSIBLE_VAULT;\n")
    found = manifest.read("a.yaml", text.encode())
    assert len(found.resources) == 1
    assert not found.unjudged


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("securityContext: {privileged: '%s'}", id="a truth value"),
        pytest.param("securityContext: {runAsUser: '%s'}", id="a number"),
        pytest.param("securityContext: {capabilities: {add: ['%s']}}", id="a text in a list"),
    ],
)
def test_an_encrypted_field_decides_nothing_and_is_not_judged(field: str) -> None:
    def judged(text: str) -> tuple[set[str], tuple[str, ...]]:
        (resource,) = manifest.read("a.yaml", text.encode()).resources
        found = JUDGE.judge(resource)
        assert not found.problems
        return {one.rule.id for one in found.findings}, tuple(one.text for one in found.unjudged)

    without, _ = judged(POD.format("", ""))
    rules, unjudged = judged(POD.format(f", {field % TOKEN}", f"sops: {{mac: '{TOKEN}'}}\n"))
    assert rules <= without
    assert len(unjudged) == 1
    assert "is encrypted by SOPS, so its value is not known" in unjudged[0]


def test_encrypted_data_of_a_secret_is_nothing_to_judge() -> None:
    text = f"apiVersion: v1\nkind: Secret\nstringData: {{a: '{TOKEN}'}}\nsops: {{mac: '{TOKEN}'}}\n"
    (secret,) = manifest.read("a.yaml", text.encode()).resources
    assert set(secret.unknown) == {"/stringData/a"}
    assert not JUDGE.judge(secret).unjudged


def test_an_object_whose_kind_is_encrypted_is_not_judged() -> None:
    found = manifest.read("a.yaml", f"apiVersion: '{TOKEN}'\nkind: '{TOKEN}'\nspec: {{a: 1}}\n".encode())
    assert not found.resources
    assert [(one.line, one.message) for one in found.unjudged] == [(2, "its kind is encrypted by SOPS")]


@pytest.mark.parametrize("field", ["kind: Pod", "apiVersion: v1"], ids=["kind", "apiVersion"])
def test_pods_are_judged_in_an_object_whose_kind_is_encrypted(field: str) -> None:
    text = POD.format("", "").replace(field, f"{field.partition(':')[0]}: '{TOKEN}'").replace("image: b", PRIVILEGED)
    found = manifest.read("a.yaml", text.encode())
    assert [one.message for one in found.unjudged] == ["its kind is encrypted by SOPS"]
    (pod,) = found.resources
    assert "privileged-container" in {rule.id for rule in JUDGE.judge(pod).rules}


@pytest.mark.parametrize(
    "text", ["ENC[]", "ENC[a]", "ENC[AES256_GCM]", "ENC[AES256_GCM,data:a b]", "enc[AES256_GCM,data:a]"]
)
def test_what_looks_alike_is_a_string(text: str) -> None:
    assert not encryption.tokens(text)
    assert not encryption.is_one(text)
