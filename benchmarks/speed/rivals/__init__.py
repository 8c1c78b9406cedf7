"""Rivals of the speed benchmarks: textbook forms and packages of others, each side made in its own process."""
