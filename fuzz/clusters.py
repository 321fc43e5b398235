"""Fuzzes what sets up a control plane: files of kubeadm, kind, k3s, Talos and others, and of the API server."""

from __future__ import annotations

import random
import sys
from functools import cache
from pathlib import Path

from fuzz.harness import Ground, Target, main, mutated
from kgate.judgement.engine import Judge
from kgate.kubernetes import manifest, pss
from kgate.rules import load

FOLDER = Path(__file__).parent.parent / "tests/data/control_plane/tools"
HOSTILE = (
    *(
        "extraArgs: ",
        "kubeletExtraArgs: ",
        "kubeadmConfigPatches: ",
        "configuration: ",
        "featureGates: ",
        "resources: ",
    ),
    *("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n", "kind: ClusterConfiguration\n"),
    *("- {name: anonymous-auth, value: x}", "anonymous-auth=x", "{a: {}}", "[[]]", "null", "1e99", "${A}", "{{ a }}"),
    "content: |\n  apiVersion: apiserver.config.k8s.io/v1\n  kind: EncryptionConfiguration\n  resources: [\n",
)


@cache
def _texts() -> tuple[str, ...]:
    """Real files, and the examples of the rules about such files."""
    files = (file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.yaml")))
    rules = (rule for rule in load.load() if any("config" in kind for kind in rule.kinds))
    return (*files, *(example.text for rule in rules for example in (*rule.good, *rule.bad)))


@cache
def _judge() -> Judge:
    return Judge(load.load(), pss.NEWEST_MINOR)


def make(numbers: random.Random) -> str:
    """Makes a file of a real one, or of an example."""
    return mutated(numbers, numbers.choice(_texts()), HOSTILE)


def check(text: str, ground: Ground) -> None:
    """Reads a file and judges what it holds; nothing may be raised."""
    batch = manifest.read("cluster.yaml", text.encode("utf-8", "surrogatepass"))
    judged = [_judge().judge(resource) for resource in batch.resources]
    ground.check(str([(one.findings, one.problems, one.notes, one.unjudged) for one in judged]))


if __name__ == "__main__":
    sys.exit(main(Target("clusters", make, check)))
