"""Weftwork: an open network in which anyone can sell, buy, judge and own AI work."""

__version__ = "0.1.0"
