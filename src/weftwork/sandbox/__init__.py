"""Other people's code, run where it can reach nothing: see :mod:`weftwork.sandbox.bubble`."""

from weftwork.sandbox.bubble import Outcome, Quota, find_bubblewrap, python_paths, run_sandboxed

__all__ = ["Outcome", "Quota", "find_bubblewrap", "python_paths", "run_sandboxed"]
