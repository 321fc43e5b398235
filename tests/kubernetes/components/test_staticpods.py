"""kubernetes/components: which programs a pod runs, what their flags hold, and what is said of the rest."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kgate.kubernetes import manifest
from kgate.kubernetes.components.component import Component, Components
from kgate.kubernetes.components.find import find_components
from kgate.kubernetes.components.flags import NAMES, flags
from kgate.kubernetes.workload import find_workload
from kgate.model import json_text

SERVER = "registry.k8s.io/kube-apiserver:v1.31.2"


def found_in(container: dict[str, Any], *, namespace: str = "kube-system", minor: int = 37) -> Components:
    """What is found of the components of a pod with one container."""
    body = {"image": SERVER, "name": "a", **container}
    metadata = {"name": "a", "namespace": namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [body]}}
    (resource,) = manifest.read("pod.yaml", json_text(pod).encode()).resources
    return find_components(resource, find_workload(resource), minor)


def component_in(container: dict[str, Any], **others: Any) -> Component:
    (component,) = found_in(container, **others).components
    return component


@pytest.mark.parametrize(
    "container",
    [
        pytest.param({"command": ["kube-apiserver", "--profiling=false"]}, id="a command"),
        pytest.param({"command": ["/usr/local/bin/kube-apiserver", "--profiling=false"]}, id="a path"),
        pytest.param({"command": ["C:\\k\\kube-apiserver.exe", "--profiling=false"]}, id="a path of Windows"),
        pytest.param({"command": ["kube-apiserver"], "args": ["--profiling=F"]}, id="arguments apart"),
        pytest.param({"args": ["--profiling=false"]}, id="the image is the program"),
        pytest.param({"args": ["kube-apiserver", "--profiling=false"]}, id="arguments name it"),
        pytest.param({"command": ["/hyperkube", "apiserver", "--profiling=false"]}, id="hyperkube"),
        pytest.param({"command": ["hyperkube", "kube-apiserver", "--profiling=false"]}, id="hyperkube, the full name"),
        pytest.param(
            {"command": ["/go-runner", "--log-file=/a", "--also-stdout=false", "kube-apiserver", "--profiling=0"]},
            id="go-runner",
        ),
        pytest.param({"command": ["env", "A=b", "nice", "-n", "5", "kube-apiserver", "--profiling=0"]}, id="wrappers"),
        pytest.param({"command": ["sudo", "-u", "a", "kube-apiserver", "--profiling=0"]}, id="the value of an option"),
        pytest.param({"command": ["timeout", "9m", "kube-apiserver", "--profiling=0"]}, id="a word for a wrapper"),
        pytest.param({"command": ["chroot", "/a", "sh", "-c", "kube-apiserver --profiling=0"]}, id="a folder"),
        pytest.param({"command": ["sh", "-c", "exec kube-apiserver --profiling=false 2>&1 | tee /a"]}, id="a shell"),
        pytest.param(
            {"command": ["bash", "-eo", "pipefail", "-c", "kube-apiserver --profiling=0"]}, id="options of a shell"
        ),
        pytest.param({"command": ["bash", "-ec", "-u", "kube-apiserver --profiling=0"]}, id="an option behind -c"),
        pytest.param({"command": ["/bin/bash", "-ec", "if true; then kube-apiserver '--profiling=f'; fi"]}, id="if"),
        pytest.param(
            {"command": ["sh", "-c"], "args": ['# it\'s on\nsleep 1\nA=1 kube-apiserver \\\n  --profiling="false"\n']},
            id="a script of several lines",
        ),
        pytest.param(
            {"command": ["sh", "-c", "kube-apiserver --x=$(cat /a b) --profiling=false"]}, id="a substitution"
        ),
        pytest.param(
            {"command": ["kube-apiserver", "--profiling=$(A)"], "env": [{"name": "A", "value": "false"}]},
            id="a variable",
        ),
        pytest.param(
            {
                "command": ["kube-apiserver", "$(B)"],
                "env": [{"name": "A", "value": "false"}, {"name": "B", "value": "--profiling=$(A)"}],
            },
            id="a variable in a variable",
        ),
        pytest.param({"command": ["kube-apiserver", "--profiling=true", "--profiling=false"]}, id="the last one wins"),
        pytest.param({"command": ["kube-apiserver", "--request_timeout", "9s", "--profiling=false"]}, id="underscores"),
    ],
)
def test_a_flag_is_found_in_every_form(container: dict[str, Any]) -> None:
    component = component_in(container)
    assert (component.name, component.minor, component.settings["profiling"]) == ("kube-apiserver", 31, False)
    assert "profiling" in component.places


@pytest.mark.parametrize(
    "container",
    [
        pytest.param({"command": ["kubectl", "logs", "kube-apiserver", "--profiling"]}, id="an argument"),
        pytest.param({"command": ["sh", "-c", "pgrep kube-apiserver && kill 1"]}, id="an argument in a script"),
        pytest.param({"command": ["sh", "/run.sh", "-c", "kube-apiserver"]}, id="the script is a file"),
        pytest.param({"command": ["sh", "-e", "kube-apiserver"]}, id="a file by the name of a program"),
        pytest.param({"command": ["sh", "-c", "if pgrep kubelet --exact; then :; fi"]}, id="an argument in a question"),
        pytest.param({"command": ["kube-apiserver-proxy", "--profiling"]}, id="another program"),
        pytest.param({"command": ["etcd", "gateway", "start"], "image": "etcd:3.5.1"}, id="a gateway of etcd"),
        pytest.param(
            {"args": ["--kubelet-service=kube-system/kubelet"], "image": "operator"}, id="the value of a flag"
        ),
        pytest.param({"command": ["sh", "-c", "PROGRAM=/usr/bin/kubelet; echo"]}, id="the value of a variable"),
        pytest.param({"command": ["sh", "-c", "kubelet --version && sleep 9"]}, id="a question for the version"),
        pytest.param({"command": []}, id="nothing"),
        pytest.param({"command": "kube-apiserver --profiling"}, id="a command that is no list"),
        pytest.param({"command": ["hyperkube"]}, id="hyperkube alone"),
    ],
)
def test_other_programs_are_not_guessed(container: dict[str, Any]) -> None:
    assert found_in(container) == Components()


def test_an_etcd_of_an_application_is_not_one_of_the_cluster() -> None:
    container = {"command": ["etcd", "-client-cert-auth"], "image": "quay.io/coreos/etcd:v3.5.9"}
    assert found_in(container, namespace="shop") == Components()
    assert component_in(container).settings["client-cert-auth"] is True


def test_etcd_is_set_up_by_its_environment_too() -> None:
    env = [{"name": "ETCD_CLIENT_CERT_AUTH", "value": "true"}, {"name": "ETCD_AUTO_TLS", "value": "true"}]
    component = component_in({"command": ["etcd", "--auto-tls=false"], "env": env, "image": "etcd:3.5.9-0"})
    assert (component.minor, component.settings["client-cert-auth"], component.settings["auto-tls"]) == (5, True, False)
    assert component.places["client-cert-auth"] == "/spec/containers/0/env/0"


@pytest.mark.parametrize(
    ("flag", "name", "value"),
    [
        pytest.param(["--authorization-mode=Node,RBAC"], "authorization-mode", ["Node", "RBAC"], id="a list"),
        pytest.param(
            ["--authorization-mode=Node", "--authorization-mode", "RBAC"],
            "authorization-mode",
            ["Node", "RBAC"],
            id="twice",
        ),
        pytest.param(
            ["--feature-gates=A=true,B=f", "--feature-gates=kube:C=1"],
            "feature-gates",
            {"A": True, "B": False, "C": True},
            id="gates",
        ),
        pytest.param(["--request-timeout=1h2m3.5s"], "request-timeout", 3723.5, id="a duration"),
        pytest.param(["--request-timeout=0"], "request-timeout", 0.0, id="no duration"),
        pytest.param(["--secure-port=010"], "secure-port", 8, id="an octal number"),
        pytest.param(["--secure-port", "0x1F"], "secure-port", 31, id="a hexadecimal number"),
        pytest.param(["-v4"], "v", 4, id="a short flag"),
        pytest.param(["-v", "4"], "v", 4, id="a short flag and its value"),
        pytest.param(["--anonymous-auth", "false"], "anonymous-auth", True, id="a switch takes no word"),
        pytest.param(["--token-auth-file", "--profiling"], "token-auth-file", "--profiling", id="a value with dashes"),
        pytest.param(["--", "--token-auth-file=a"], "token-auth-file", None, id="behind the end of flags"),
    ],
)
def test_values_are_read_as_the_program_reads_them(flag: list[str], name: str, value: object) -> None:
    assert component_in({"command": ["kube-apiserver", *flag]}).settings.get(name) == value


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("--token-auth-file='a b'", id="single quotes"),
        pytest.param('--token-auth-file="a b"', id="double quotes"),
        pytest.param("--token-auth-file=a\\ b", id="an escaped blank"),
        pytest.param("--tok'en-auth-'\"file=\"a' '\"b\"", id="pieces"),
        pytest.param("--v=2 \\\n  --token-auth-\\\nfile='a b'", id="lines that go on"),
        pytest.param("--token-auth-file='a b' # --token-auth-file=c", id="a comment"),
        pytest.param("--token-auth-file='a b';kube-scheduler --v=2", id="another command"),
    ],
)
def test_a_script_is_read_as_a_shell_reads_it(words: str) -> None:
    component = found_in({"command": ["sh", "-c", f"kube-apiserver {words}"]}).components[0]
    assert component.name == "kube-apiserver"
    assert component.settings["token-auth-file"] == "a b"


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        pytest.param("--profiling=maybe", "true or false", id="no truth value"),
        pytest.param("--secure-port=https", "a whole number", id="no number"),
        pytest.param("--secure-port=0o", "it must be a whole number, or", id="octal without digits"),
        pytest.param("--secure-port=99999999999999999999", "a whole number of at most 64 bits", id="too large"),
        pytest.param("--request-timeout=1 hour", "a duration such as 1h30m", id="no duration"),
        pytest.param("--feature-gates=A", "pairs such as NAME=true", id="no gates"),
    ],
)
def test_what_the_program_refuses_is_a_problem(flag: str, message: str) -> None:
    found = found_in({"command": ["kube-apiserver", flag]})
    (gap,) = found.gaps
    assert message in gap.message
    assert gap.pointer == "/spec/containers/0/command/1"


@pytest.mark.parametrize(
    ("image", "flag", "hint"),
    [
        pytest.param(
            SERVER,
            "--anonymous-aut=false",
            "unknown flag --anonymous-aut for kube-apiserver 1.31; did you mean --anonymous-auth?",
            id="misspelt",
        ),
        pytest.param(SERVER, f"--{'a' * 999}", f"unknown flag --{'a' * 60}… for kube-apiserver 1.31", id="long"),
        pytest.param(
            SERVER,
            "--basic-auth-file=a",
            "unknown flag --basic-auth-file for kube-apiserver 1.31: it was removed in 1.19",
            id="removed",
        ),
        pytest.param(
            "kube-apiserver:v1.20.1",
            "--authentication-config=a",
            "unknown flag --authentication-config for kube-apiserver 1.20: it was added in 1.29",
            id="not there yet",
        ),
        pytest.param(
            "kube-apiserver:latest",
            "--profiling",
            "the image does not say the version of kube-apiserver; it is judged as 1.37",
            id="no version",
        ),
        pytest.param(
            "kube-apiserver:v1.99.0",
            "--profiling",
            "kube-apiserver 1.99 is newer than kgate knows; it is judged as 1.37",
            id="a later version",
        ),
        pytest.param("kube-apiserver:v1.4.0", "--whatever=1", "", id="before the oldest that is known"),
    ],
)
def test_what_is_not_known_is_said(image: str, flag: str, hint: str) -> None:
    found = found_in({"command": ["kube-apiserver", flag], "image": image})
    assert "; ".join(one.message for one in found.hints) == hint


@pytest.mark.parametrize(
    "container",
    [
        pytest.param({"command": ["sh", "-c", "kube-apiserver $FLAGS"]}, id="a variable of the shell"),
        pytest.param({"command": ["sh", "-c", "kube-apiserver 'open"]}, id="open quotes"),
        pytest.param({"command": ["sh", "-c", "kube-apiserver --x=$(a $(b)) --y"]}, id="a nested substitution"),
        pytest.param({"command": ["kube-apiserver", "{{ flags }}"]}, id="a template"),
        pytest.param({"command": ["kube-apiserver", "$(A)"], "envFrom": [{}]}, id="a variable from elsewhere"),
    ],
)
def test_flags_that_cannot_be_known_are_unread(container: dict[str, Any]) -> None:
    found = found_in(container)
    assert found.unread
    assert not any(component.is_whole for component in found.components)


@pytest.mark.parametrize(
    "container",
    [
        pytest.param({"command": ["sh", "-c", "kube-apiserver --profiling=$A"]}, id="a variable of the shell"),
        pytest.param({"command": ["kube-apiserver", "--profiling={{ a }}"]}, id="a template"),
        pytest.param(
            {"command": ["kube-apiserver", "--profiling=$(A)"], "env": [{"name": "A", "valueFrom": {}}]},
            id="a reference",
        ),
        pytest.param(
            {"command": ["kube-apiserver", "--profiling=$(A)"], "env": [{"name": "A", "value": "{{ a }}"}]},
            id="a template in a variable",
        ),
        pytest.param({"command": ["kube-apiserver", "--profiling=oui"]}, id="a refused value"),
    ],
)
def test_an_unknown_value_is_not_its_default(container: dict[str, Any]) -> None:
    component = component_in(container)
    assert component.unknown == {"profiling"}
    assert "profiling" not in component.settings


def test_what_a_file_sets_is_no_default() -> None:
    component = component_in({"command": ["kubelet", "--config=/a", "--anonymous-auth=false"]})
    assert (component.is_whole, component.settings) == (False, {"config": "/a", "anonymous-auth": False})


def test_every_program_has_flags_and_defaults_of_its_own() -> None:
    assert all(len(flags(name)) > 50 for name in NAMES)
    component = component_in({"command": ["kube-apiserver"], "image": "kube-apiserver:v1.18.0"})
    assert component.settings["insecure-port"] == 8080
    assert component.pointer == "/spec/containers/0/command"
    assert "insecure-port" not in component_in({"command": ["kube-apiserver"]}).settings


def test_a_list_of_which_a_part_is_unknown_is_unknown() -> None:
    flags_of = ["--authorization-mode=$(A)", "--authorization-mode=RBAC"]
    component = component_in({"command": ["kube-apiserver", *flags_of], "env": [{"name": "A", "valueFrom": {}}]})
    assert component.unknown == {"authorization-mode"}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([f"--flag-{number}" for number in range(50_000)], id="unknown flags"),
        pytest.param(["--authorization-mode=Node,RBAC"] * 50_000, id="a list that grows"),
        pytest.param(["--feature-gates=" + ",".join(["A=true"] * 10_000)], id="many gates"),
        pytest.param(["--feature-gates=A=true"] * 50_000, id="gates that grow"),
        pytest.param(["--advertise-address=" + "$(A)" * 50_000], id="many references"),
    ],
)
def test_a_large_command_takes_little_time(words: list[str]) -> None:
    before = time.process_time()
    component = component_in({"command": [*["env"] * 10_000, "kube-apiserver", *words, "--profiling=false"]})
    assert component.settings["profiling"] is False
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["a" * 100_000, "$(V0)" * 100_000], id="a long value many times"),
        pytest.param(["a", *(f"$(V{number})" * 2 for number in range(60))], id="each twice the one before"),
    ],
)
def test_variables_that_become_too_long_are_not_known(values: list[str]) -> None:
    env = [{"name": f"V{number}", "value": value} for number, value in enumerate(values)]
    command = ["kube-apiserver", f"--token-auth-file=$(V{len(values) - 1})", "--profiling=false"]
    component = component_in({"command": command, "env": env})
    assert component.unknown == {"token-auth-file"}
    assert component.settings["profiling"] is False


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("kube-apiserver " + "'" * 99_999, id="quotes"),
        pytest.param("kube-apiserver " + "$(" * 50_000, id="substitutions"),
        pytest.param("kube-apiserver " + "`" * 99_999, id="backticks"),
        pytest.param("kube-apiserver " + '"\\' * 50_001, id="escaped quotes"),
    ],
)
def test_a_hostile_script_is_unread_soon(script: str) -> None:
    before = time.process_time()
    assert found_in({"command": ["sh", "-c", script]}).unread
    assert time.process_time() - before < 5
