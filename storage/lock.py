"""Holds a data directory, so that only one process writes there."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Self

from storage.errors import StorageError, StoreBusy

_FILE = "warmline.lock"


class DataLock:
    """The right to write in a data directory; a context manager, gone with its process however that ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: IO[str] | None = None

    def take(self) -> Self:
        """Takes it, and makes the directory where there is none.

        Raises:
            StoreBusy: another process has it.
            StorageError: the directory cannot be written.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = (self.directory / _FILE).open("a+", encoding="ascii")
        except OSError as error:
            raise StorageError(
                f"The data directory {self.directory} cannot be written ({error.strerror}).",
                do="Give the user that runs Warmline the right to write there, or name another one under [storage].",
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise StoreBusy(
                f"Another Warmline{f' (process {holder})' if holder else ''} works on {self.directory}.",
                "Nothing was changed.",
                "Stop it first, or let it do the work.",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return self

    def release(self) -> None:
        """Gives it back; may be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self.take()

    def __exit__(self, *_: object) -> None:
        self.release()
