"""Tests of the benchmarks: that they run and what form their figures have, never how fast."""
