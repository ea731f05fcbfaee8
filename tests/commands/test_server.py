"""Commands about the server itself that answer alike through every way in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, error


@pytest.mark.parametrize("version", [[], [5], [6, 40, 20], [7], ["1"]])
def test_lolwut_draws_and_names_the_version(r: Any, version: list[Any]) -> None:
    reply = r.lolwut(*version).rstrip()
    assert reply.splitlines()[-1].rpartition(b"Redis ver. ")[2].startswith(b"8.0.")
    assert (b"\n" in reply) == (version in ([], [5], [6, 40, 20]))


def test_lolwut_refuses_versions_that_are_no_numbers(r: Any) -> None:
    assert error(r, "LOLWUT", "VERSION", "x") == NOT_AN_INTEGER
    assert error(r, "LOLWUT", "VERSION", 5, "x") == NOT_AN_INTEGER
