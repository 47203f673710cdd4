"""Puts a sound SQLite under everything, before anything imports the old one.

SQLite 3.7.0 to 3.51.2 can corrupt a database in WAL mode when one connection
checkpoints while another writes (fixed in 3.51.3, and in 3.50.7 and 3.44.6).
Where Python's own is older, `pysqlite3` (which carries its own SQLite) takes
its name. This may go when every supported Python brings 3.51.3 or newer.
"""

from __future__ import annotations

import sqlite3
import sys

_FIXED = (3, 51, 3)
_BACKPORTED = {(3, 50): 7, (3, 44): 6}


def is_sound(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset race."""
    return version >= _FIXED or version[2] >= _BACKPORTED.get((version[0], version[1]), sys.maxsize)


def use_sound_sqlite() -> str:
    """Makes `import sqlite3` mean a sound SQLite where one is installed; gives the version in use."""
    module = sqlite3
    if not is_sound(sqlite3.sqlite_version_info):
        try:
            import pysqlite3
        except ImportError:  # no wheel for this system: `warmline check` tells the owner
            return str(sqlite3.sqlite_version)
        module = pysqlite3
        sys.modules["sqlite3"] = pysqlite3
        sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
    return str(module.sqlite_version)
