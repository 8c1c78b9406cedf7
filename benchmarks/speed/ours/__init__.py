"""Our side of the speed benchmarks, made in its own process and set up as the programs of earmark are."""
