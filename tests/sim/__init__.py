"""Simulated runs: power cuts and failing system calls. The programs are C: cmake/sim.cmake."""
