"""The ways a command ends early that have an exit code of their own."""

from __future__ import annotations


class UsageError(ValueError):
    """A command that cannot be understood."""


class LeakError(ValueError):
    """The audit found something serious and --strict was given."""


class BusyError(ValueError):
    """Another live process holds the run."""
