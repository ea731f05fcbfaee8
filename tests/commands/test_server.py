"""Commands about the server itself: saving."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.expect import SYNTAX, arity_error, error

pytestmark = pytest.mark.tiny_buffer

BUSY = "Background save already in progress"


def entries(r: Any) -> tuple[int, int]:
    """Of the write buffer, and of the part of it that is being applied; Redis has none."""
    info = r.info("store")
    return info.get("buffer_entries", 0), info.get("frozen_entries", 0)


def on_disk(r: Any) -> bool:
    return not r.info("store").get("store_in_memory", 0)


def test_save_answers_when_all_is_saved(r: Any) -> None:
    for turn in range(3):
        r.mset({f"k{i}": b"x" * 1000 for i in range(1000)})
        r.set("k", turn)
        assert r.save()
        if on_disk(r):
            assert entries(r) == (0, 0)
        assert r.get("k") == b"%d" % turn


def test_a_save_is_over_when_it_has_answered(r: Any) -> None:
    for turn in range(5):
        r.set("k", turn)
        before = r.execute_command("TIME")[0]
        assert r.save()
        assert int(r.lastsave().timestamp()) >= int(before)
        assert r.execute_command("BGSAVE")
        while r.info("persistence")["rdb_bgsave_in_progress"]:
            pass


def test_saving_what_is_saved_already_is_a_save(r: Any) -> None:
    r.set("k", "v")
    assert r.save()
    before = r.lastsave()
    assert r.save()
    assert r.lastsave() >= before


def test_a_pipeline_waits_for_its_save(r: Any) -> None:
    pipe = r.pipeline(transaction=False)
    pipe.set("k", "v").save().info("store").get("k")
    _, saved, info, value = pipe.execute()
    assert saved and value == b"v"
    if on_disk(r):
        assert (info.get("buffer_entries", 0), info.get("frozen_entries", 0)) == (0, 0)


def test_save_is_not_for_transactions(r: Any) -> None:
    pipe = r.pipeline(transaction=True)
    pipe.set("k", "v").save()
    with pytest.raises(Exception, match=r"not allowed inside a transaction|previous errors"):
        pipe.execute()


def test_saving_takes_no_other_arguments(r: Any) -> None:
    assert error(r, "SAVE", "x") == arity_error("save")
    assert error(r, "BGSAVE", "x") == SYNTAX
    assert error(r, "LASTSAVE", "x") == arity_error("lastsave")
