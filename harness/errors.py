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


class MissingDataError(DataError):
    """A dataset's files, or what reads them, are not on this machine; its trials are `unsupported` here."""
