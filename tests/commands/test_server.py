"""Commands about the server itself: saving, and pictures."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, arity_error, error

pytestmark = pytest.mark.tiny_buffer

BUSY = "Background save already in progress"


def position(r: Any, which: str) -> int:
    """Of the log; Redis has none."""
    return int(r.info("store").get(f"journal_{which}", 0))


def on_disk(r: Any) -> bool:
    return not r.info("store").get("store_in_memory", 0)


def test_save_answers_when_all_is_saved(r: Any) -> None:
    for turn in range(3):
        r.mset({f"k{i}": b"x" * 1000 for i in range(1000)})
        r.set("k", turn)
        written = position(r, "position")
        assert r.save()
        if on_disk(r):
            assert position(r, "applied_position") >= written
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


def drawn(r: Any, *words: object) -> list[str]:
    """The lines of a picture, without colours, and what is said under it."""
    text = r.execute_command("LOLWUT", *words)
    text = (text.decode() if isinstance(text, bytes) else text).removeprefix("txt:")
    assert "Redis ver. 8.0." in text
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


@pytest.mark.parametrize(
    ("words", "columns", "lines"),
    [
        ("5", 66, 49),
        ("5 10", 10, 7),
        ("5 10 2 1", 10, 3),
        ("5 40 4 2", 40, 11),
        ("5 0 0 0", 1, 1),
        ("5 -5 1 1", 1, 1),
        ("5 5000 200 2", 1000, 6),
        ("5 5000 200 5000", 1000, 500),
        ("5 20 5000 1", 20, 1),
        ("6", 80, 20),
        ("6 3 2", 3, 2),
        ("6 0 0", 1, 1),
        ("6 2000 2000", 1000, 1000),
    ],
)
def test_lolwut_draws_in_the_size_that_is_asked_for(
    r: Any, words: str, columns: int, lines: int
) -> None:
    picture = drawn(r, "VERSION", *words.split())
    assert {len(line) for line in picture[:lines]} == {columns}
    assert not picture[lines] or "Dedicated" in picture[lines]  # and there it ends
    assert len(picture) <= lines + 3


def test_lolwut_draws_by_chance(r: Any) -> None:
    for words in ((), ("VERSION", 5), ("VERSION", 6, 80, 20)):
        assert r.execute_command("LOLWUT", *words) != r.execute_command("LOLWUT", *words)


@pytest.mark.parametrize("words", ["7", "4", "1 x", "99999999999", "-1", "7 x y z"])
def test_lolwut_of_other_versions_is_the_version(r: Any, words: str) -> None:
    assert len(drawn(r, "VERSION", *words.split())) == 1


@pytest.mark.parametrize("words", ["VERSION", "x", "x y", "IT"])
def test_lolwut_takes_other_words(r: Any, words: str) -> None:
    assert len(drawn(r, *words.split())) > 5


@pytest.mark.parametrize(
    "words", ["x", "5 x", "5 1 x", "5 1 1 x", "6 x", "6 1 x", "5 1.5", "9" * 20]
)
def test_lolwut_takes_whole_numbers(r: Any, words: str) -> None:
    assert error(r, "LOLWUT", "version", *words.split()) == NOT_AN_INTEGER
