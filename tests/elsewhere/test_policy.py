"""Which hosts a configuration allows: one that the change cannot have altered, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgate import config
from kgate.errors import ConfigError
from kgate.repository import Repository
from tests.command import kgate
from tests.elsewhere import servers
from tests.elsewhere.servers import serving
from tests.elsewhere.test_pull import flux
from tests.policy.clone import Clone
from tests.real_tools import tools_env


def test_hosts_of_a_trusted_configuration(tmp_path: Path) -> None:
    with serving() as server:
        servers.publish(server, "charts", "web", "1.0.0")
        files = {"flux.yaml": flux("one", f"{server.url}/charts"), "kgate.yaml": f"pull-from: ['{server.url}']\n"}
        clone = Clone.of(tmp_path / "shop", files)
        (tmp_path / "policy.yaml").write_text(files["kgate.yaml"])
        env = {**tools_env(), "KGATE_PULL_CACHE_DIR": str(tmp_path / "cache")}

        def pull(*arguments: str) -> tuple[int, str, str]:
            done = kgate("pull", *arguments, cwd=clone.folder, env=env)
            return done.code, done.out.splitlines()[-1], done.err

        ignored = "pull-from of kgate.yaml counts only with --policy-from or --policy, as the change that is judged"
        code, last, err = pull()
        assert (code, last) == (3, "1 failed")
        assert err.startswith(ignored)
        assert not server.seen
        assert pull("--policy-from", "main") == (0, "1 added", "")
        clone.changed({"kgate.lock": None})
        assert pull("--policy", str(tmp_path / "policy.yaml"))[:2] == (0, "1 added")
        with serving() as other:
            servers.publish(other, "charts", "web", "1.0.0")
            clone.changed(
                {
                    "more.yaml": flux("two", f"{other.url}/charts"),
                    "kgate.yaml": f"pull-from: ['{server.url}', '{other.url}']\n",
                }
            )
            code, last, _ = pull("--policy-from", "main")
            assert (code, last, other.seen) == (3, "1 kept, 1 failed", []), "what the change allows does not count"


@pytest.mark.parametrize("text", ["pull-from: ['*']\n", "pull-from: [https://a@b]\n", "pull-from: {a: b}\n"])
def test_what_is_not_a_host_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kgate.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="pull-from"):
        config.read_config(path, Repository.at(tmp_path))
