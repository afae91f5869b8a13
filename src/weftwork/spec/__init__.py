"""The yellow paper: every formula of the protocol as a pure integer function.

Integers in, integers out, no clock, no chance, no I/O. Names follow the papers (``kappa``, ``beta``); each
docstring gives the equation, its source and the direction of rounding. Files named ``*_fast.py`` hold the
same functions on numpy arrays and are tested to be equal, bit for bit.
"""
