"""Inputs that go wrong, made from good ones: what `robustness.py` tries.

A kind of input is a module with a function `cases() -> Cases`; `robustness.KINDS` names them. Every case follows from
(seed, number) alone, so that a failure is made again by its number.
"""
