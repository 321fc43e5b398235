"""kgate.yaml + environment + flags -> Settings."""

from kgate.config.decide import read_config, read_trusted, under_policy
from kgate.config.file import KNOWN, UNJUDGED, ConfigChange, ConfigFile
from kgate.config.find import find_config, named_config
from kgate.config.selection import chosen_ids, ignored_ids, selected_ids
from kgate.config.settings import DEFAULT_MIN_SCORE, Options, Settings
from kgate.config.settle import settle

__all__ = (
    "DEFAULT_MIN_SCORE",
    "KNOWN",
    "UNJUDGED",
    "ConfigChange",
    "ConfigFile",
    "Options",
    "Settings",
    "chosen_ids",
    "find_config",
    "ignored_ids",
    "named_config",
    "read_config",
    "read_trusted",
    "selected_ids",
    "settle",
    "under_policy",
)
