"""Compares what kgate reads of a public log with what its authors counted.

    git clone https://github.com/hkerma/kubernetes-event-dataset
    python -m bench.audit_dataset kubernetes-event-dataset/audit-logs.csv

The data (H. Kermabon-Bobinnec and others, PerfSPEC, CC BY 4.0) are 16,563 rows of a cluster in which Helm charts were
installed. Each row becomes the event that it was made of, as far as it holds it; exits with 1 if a figure differs.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from kgate.audit.events.census import Census
from kgate.audit.events.event import READS, Event
from kgate.audit.events.read import events

_CELLS = 15
_PATH = re.compile(r"/apis?(?:/([^/?]+\.[^/?]+|apps|batch|autoscaling|policy))?/v[^/?]+(?:/namespaces/([^/?]+))?/")
OPERATOR = "system:serviceaccount:kube-prometheus-stack:my-kube-prometheus-stack-operator"
FIGURES = {"secret reads": 635, "of them by the operator of Prometheus": 476, "refused": 71, "tokens": 43}


def main(arguments: Sequence[str]) -> int:
    """Prints each figure beside what it should be."""
    with Path(arguments[0]).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == _CELLS]
    census = Census()
    found = Counter(
        figure
        for event in events(((number, orjson.dumps(_body(row))) for number, row in enumerate(rows, 1)), "csv", census)
        for figure in _figures(event)
    )
    print(f"{len(rows)} rows", *census.remarks(), sep="\n")
    for name, figure in FIGURES.items():
        print(f"{name}: {found[name]}, should be {figure}")
    return 0 if dict(found) == FIGURES else 1


def _body(row: Sequence[str]) -> dict[str, Any]:
    """The event of a row: host, time, user, verb, resource, subresource, name, …, URI, id, stage, code, …"""
    _, time, user, verb, resource, subresource, name, _, uri, audit_id, stage, code, *_ = row
    place = _PATH.match(uri)
    reference = {"resource": resource, "subresource": subresource, "name": name}
    if place:
        reference |= {"apiGroup": place[1] or "", "namespace": place[2] or ""}
    return {
        "level": "Metadata",
        "auditID": audit_id,
        "stage": stage,
        "requestURI": uri,
        "verb": verb,
        "user": {"username": user},
        "objectRef": reference if resource else None,
        "responseStatus": {"code": int(code or 0)},
        "stageTimestamp": time,
    }


def _figures(event: Event) -> Iterator[str]:
    """The figures to which an event counts; a watch has two events."""
    if event.resource == "secrets" and event.verb in READS:
        yield "secret reads"
        if event.user == OPERATOR:
            yield "of them by the operator of Prometheus"
    if event.code == 403:
        yield "refused"
    if (event.resource, event.subresource, event.verb) == ("serviceaccounts", "token", "create"):
        yield "tokens"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
