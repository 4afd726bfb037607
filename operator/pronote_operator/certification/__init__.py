"""Certificates are made and judged in a process of their own.

The library for it takes 9 MB of memory and is needed for seconds in a year. `worker` is that process; `certifier` is
the operator's side of it, and all that the operator's process may import (with `questions`).
"""
