"""Randomness as a function: the generator of a step follows from the seed and the step alone.

Nothing random is carried from one step to the next, so a run that is stopped and resumed draws what it would have
drawn.
"""

from __future__ import annotations

import hashlib

import torch


def step_seed(seed: int, step: int, purpose: str) -> int:
    """A 63-bit seed for one purpose of one step.

    >>> step_seed(0, 1, "dropout") != step_seed(0, 2, "dropout") != step_seed(0, 2, "mixup")
    True
    """
    digest = hashlib.blake2b(f"{seed}/{step}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def step_generator(seed: int, step: int, purpose: str) -> torch.Generator:
    """A CPU generator for one purpose of one step."""
    return torch.Generator().manual_seed(step_seed(seed, step, purpose))
