"""python -m bench [SUITE...]: runs suites, prints tables, writes JSON below bench/results."""

from __future__ import annotations

import argparse
import sys

from bench import device, handover, instructions, local, suites, types
from bench.report import Report

SUITES = {
    "resp": suites.resp,
    "latency": suites.latency,
    "always": suites.always,
    "inprocess": local.inprocess,
    "joined": local.joined,
    "codec": local.codec,
    "msgpack": local.msgpack,
    "footprint": suites.footprint,
    "device": device.device_bytes,
    "restart": suites.restart,
    "handover": handover.handover,
    "sustained": suites.sustained,
    "types": types.types,
    "weights": types.weights,
    "instructions": instructions.instructions,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Compares DBX with redis-server, lmdb, hiredis and msgpack, side by side.",
        epilog="suites: "
        + "; ".join(
            f"{name}: {run.__doc__.split('. ')[0].rstrip('.')}"
            for name, run in SUITES.items()
            if run.__doc__
        ),
    )
    parser.add_argument(
        "suites", nargs="*", choices=[[], *SUITES], metavar="SUITE", help="default: all"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a fraction of the load: to try it out"
    )
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds of each case (5)")
    parser.add_argument("--keys", type=int, default=0, help="of device's full load (10,000,000)")
    options = parser.parse_args()
    failed = []
    for name in options.suites or SUITES:
        print(f"--- {name}: {SUITES[name].__doc__}", flush=True)
        report = Report(name)
        if name == "device":
            device.device_bytes(report, options.quick, options.rounds, options.keys)
        else:
            SUITES[name](report, options.quick, options.rounds)
        print(f"    {report.write()}")
        failed += [f"{name}: {case}" for case in report.failed]
    if failed:
        print("missed: " + "; ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
