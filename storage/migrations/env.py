"""What Alembic runs: our tables, on the connection that `storage.migrations` (or a test) hands over."""

from __future__ import annotations

from typing import Any

from alembic import context

from storage import Record


def include(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """What Alembic compares: not the search index, which the migrations write by hand."""
    return not (name or "").startswith("mention_search") and name not in {"searchable", "ix_mention_searchable"}


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Record.metadata,
    render_as_batch=True,
    include_object=include,
)
with context.begin_transaction():
    context.run_migrations()
