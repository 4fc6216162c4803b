"""The parts of `scripts/benchmark.py`: the harness, the roofline, and what each subcommand measures."""
