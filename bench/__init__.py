"""Benchmarks: the same load on DBX and on what it is compared with, in one run. See README.md."""
