"""What may be done to cases: opened or joined (``case_opening``), moved by people, marked overdue by the worker.

The only writers of ``case_file`` and its timeline. Every change writes an entry and a feed row in its own transaction.
"""

from __future__ import annotations

from registry.services.case_opening import Opened, note_alert, open_or_attach

__all__ = ["Opened", "note_alert", "open_or_attach"]
