"""Transactions."""

from __future__ import annotations

TEMPLATES = ("MULTI", "EXEC", "DISCARD")
