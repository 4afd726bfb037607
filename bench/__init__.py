"""Measures the operator on a control plane of its own: see docs/reference/bench.json and `python -m bench --help`."""
