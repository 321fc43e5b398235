"""What Falco's engine says of rule files when it loads them: errors, which it stops at, and warnings."""

from __future__ import annotations

from enum import StrEnum

from kgate.model import Location
from kgate.values import dataclass


class Code(StrEnum):
    """The codes of Falco (userspace/engine/falco_load_result.cpp)."""

    FILE_READ = "LOAD_ERR_FILE_READ"
    YAML_PARSE = "LOAD_ERR_YAML_PARSE"
    YAML_VALIDATE = "LOAD_ERR_YAML_VALIDATE"
    COMPILE_CONDITION = "LOAD_ERR_COMPILE_CONDITION"
    COMPILE_OUTPUT = "LOAD_ERR_COMPILE_OUTPUT"
    VALIDATE = "LOAD_ERR_VALIDATE"

    UNKNOWN_SOURCE = "LOAD_UNKNOWN_SOURCE"
    UNSAFE_NA_CHECK = "LOAD_UNSAFE_NA_CHECK"
    NO_EVTTYPE = "LOAD_NO_EVTTYPE"
    UNKNOWN_FILTER = "LOAD_UNKNOWN_FILTER"
    UNUSED_MACRO = "LOAD_UNUSED_MACRO"
    UNUSED_LIST = "LOAD_UNUSED_LIST"
    UNKNOWN_ITEM = "LOAD_UNKNOWN_ITEM"
    DEPRECATED_ITEM = "LOAD_DEPRECATED_ITEM"
    APPEND_NO_VALUES = "LOAD_APPEND_NO_VALUES"
    EXCEPTION_NAME_NOT_UNIQUE = "LOAD_EXCEPTION_NAME_NOT_UNIQUE"
    INVALID_MACRO_NAME = "LOAD_INVALID_MACRO_NAME"
    INVALID_LIST_NAME = "LOAD_INVALID_LIST_NAME"
    WARN_CONDITION = "LOAD_COMPILE_CONDITION"
    UNKNOWN_KEY = "LOAD_UNKNOWN_KEY"

    @property
    def is_error(self) -> bool:
        """True if Falco does not start with such a file."""
        return self.startswith("LOAD_ERR_")


@dataclass(frozen=True, slots=True)
class LoadFault:
    """What is wrong, and where; ``subject`` is the item that it is about: ``rule Attach/Exec Pod``."""

    code: Code
    message: str
    place: Location
    subject: str = ""

    def __str__(self) -> str:
        subject = f"{self.subject}: " if self.subject else ""
        return f"{self.place}: {'error' if self.code.is_error else 'warning'}: {subject}{self.message} [{self.code}]"


class LoadError(Exception):
    """A fault at which Falco stops."""

    def __init__(self, code: Code, message: str, place: Location) -> None:
        super().__init__(message)
        self.code = code
        self.place = place
