"""Seeds that depend on names, not on order: a subset of the work draws the same numbers."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["derive", "generator"]


def derive(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed from the run's seed and names (study, subject, stimulus, sample)."""
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return numpy's generator seeded by :func:`derive`."""
    return np.random.default_rng(derive(seed, *names))
