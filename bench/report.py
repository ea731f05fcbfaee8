"""What a run found: alternating rounds, median ratios, a table to read and JSON to keep."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.load import Sample, median

RESULTS = Path(__file__).with_name("results")


class Report:
    """Collects the cases of one suite; prints each when it is done, and writes all of them."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.cases: dict[str, dict[str, Any]] = {}
        self.failed: list[str] = []

    def compare(
        self, case: str, contenders: Mapping[str, Callable[[], Sample]], rounds: int, goal: float
    ) -> dict[str, Sample]:
        """compare measures the contenders in alternating rounds; `goal` is for the first over the
        second, those behind it have ratios and no goal.

        Returns the median sample of each. The ratio is the median of the rounds' own ratios, so
        that what slows the machine for a while slows both.
        """
        samples: dict[str, list[Sample]] = {name: [] for name in contenders}
        for turn in range(rounds):
            order = list(contenders) if turn % 2 == 0 else list(contenders)[::-1]
            for name in order:
                samples[name].append(contenders[name]())
        first, *others = contenders
        ratios = {
            other: [
                ours.rate / theirs.rate
                for ours, theirs in zip(samples[first], samples[other], strict=True)
            ]
            for other in others
        }
        middle = {name: median(taken) for name, taken in samples.items()}
        beside = {other: statistics.median(ratios[other]) for other in others[1:]}
        self.add(
            case, {name: dataclasses.asdict(sample) for name, sample in middle.items()},
            ratio=statistics.median(ratios[others[0]]), goal=goal, ratios=ratios[others[0]],
            **({"beside": beside} if beside else {}),
        )  # fmt: skip
        return middle

    def add(
        self, case: str, values: Mapping[str, Any], *, ratio: float | None = None,
        goal: float | None = None, **more: Any,
    ) -> None:  # fmt: skip
        """add takes a finished case. With a goal, a smaller ratio is a failure of the run."""
        self.cases[case] = {"values": values, "ratio": ratio, "goal": goal, **more}
        if ratio is not None and goal is not None and ratio < goal:
            self.failed.append(case)
        print(_row(case, values, ratio, goal, more.get("beside", {})), flush=True)

    def limit(self, case: str, value: float, limit: float, unit: str) -> None:
        """limit takes a figure that must not be above `limit`."""
        self.cases[case] = {"value": value, "limit": limit, "unit": unit}
        good = value <= limit
        if not good:
            self.failed.append(case)
        print(
            f"{case:34} {value:12.2f} {unit} (at most {limit:g}) {'' if good else 'MISSED'}",
            flush=True,
        )

    def write(self) -> Path:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.suite}-{time.strftime('%Y%m%d-%H%M%S')}.json"
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        )
        about = {"suite": self.suite, "commit": commit.stdout.strip(),
        "machine": platform.machine(),
                 "cases": self.cases, "failed": self.failed}  # fmt: skip
        path.write_text(json.dumps(about, indent=1, default=str))
        return path


def _row(
    case: str, values: Mapping[str, Any], ratio: float | None, goal: float | None,
    beside: Mapping[str, float],
) -> str:  # fmt: skip
    parts = [f"{case:34}"]
    for name, value in values.items():
        if isinstance(value, Mapping) and "rate" in value:
            tail = "" if math.isnan(value["p99_us"]) else f" p99 {value['p99_us']:>7,.0f} us"
            rate, cpu = value["rate"], value["cpu_per_million"]
            parts.append(f"{name} {rate:>9,.0f}/s cpu {cpu:5.2f} s/M{tail} |")
        else:
            parts.append(f"{name} {value} |")
    if ratio is not None:
        verdict = "" if goal is None else f" (goal {goal:g}{'' if ratio >= goal else ', MISSED'})"
        parts.append(f"ratio {ratio:.2f}{verdict}")
    parts += [f"{other} {theirs:.2f}" for other, theirs in beside.items()]
    return " ".join(parts)
