"""What can go wrong between us and our memory."""

from __future__ import annotations

from config.errors import WarmlineError


class StorageError(WarmlineError):
    """The store could not do what was asked; nothing was half-written."""


class StoreBusy(StorageError):
    """Another process holds the data directory."""


class StoreTooNew(StorageError):
    """A newer Warmline has written this database."""
