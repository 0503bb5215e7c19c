"""The condition for "still open", in the very words of the partial index of open cases."""

from __future__ import annotations

from sqlalchemy import String, bindparam

from registry.domain.kinds import ENDED_STAGES
from registry.storage.tables import case

# Literal words, not parameters: a partial index is used only for the very condition it was made with.
IS_OPEN = case.c.stage.not_in(
    bindparam("ended", sorted(ENDED_STAGES), type_=String, expanding=True, literal_execute=True)
)
