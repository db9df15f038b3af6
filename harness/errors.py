"""The errors that people see. A message has the fact, the expectation and the way out."""

from __future__ import annotations


class HarnessError(Exception):
    """An error with a message meant for a person; shown without a traceback."""

    exit_code = 1


class UsageError(HarnessError):
    """What was asked for cannot be done as asked: an unknown name, a wrong type, an empty axis."""

    exit_code = 2


class PluginError(HarnessError):
    """A plugin does not load or breaks its contract; the message names the plugin."""


class StoreError(HarnessError):
    """Results cannot be read or written."""


class DataError(HarnessError):
    """A dataset's files are damaged or not what they should be."""


class UnsupportedError(HarnessError):
    """Something cannot be done here or with these inputs; what asked for it is `unsupported`, not broken."""


class MissingDataError(DataError, UnsupportedError):
    """A dataset's files, or what reads them, are not on this machine; its trials are `unsupported` here."""


class KernelError(HarnessError):
    """A kernel does what no kernel may: it deadlocks, or its threads disagree about a barrier."""


class CompileError(HarnessError):
    """A kernel does not compile; `log` is what the compiler said."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log
