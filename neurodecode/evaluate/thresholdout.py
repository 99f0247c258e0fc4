"""Thresholdout: a test set that can be asked again and again without wearing out.

Dwork, Feldman, Hardt, Pitassi, Reingold and Roth (2015), "The reusable holdout", *Science* 349,
636. A score on the test set is answered by the cross-validated training score as long as the two
agree; only where they differ by more than a noisy threshold does the answer come, with noise, from
the test set, and costs one of a budget. All noise follows from one secret seed, so the same
questions in the same order have the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurodecode.errors import DataError

__all__ = ["Answer", "Thresholdout"]


@dataclass(frozen=True)
class Answer:
    """What is said of one score.

    Attributes
    ----------
    value : float
        The training score, or the noisy test score.
    spent : bool
        Whether it came from the test set and cost one of the budget.
    """

    value: float
    spent: bool


@dataclass(frozen=True)
class Thresholdout:
    """The mechanism; what was asked before is counted by the caller.

    Parameters
    ----------
    secret : int
        Seed of all noise.
    threshold : float
        T: difference of training and test score that is let pass.
    noise : float
        s: scale of the Laplace noise.
    budget : int
        Answers that may come from the test set.
    """

    secret: int
    threshold: float
    noise: float
    budget: int

    def noisy_threshold(self, n_spent: int) -> float:
        """T' = T + Lap(2 s), drawn anew after each answer from the test set."""
        rng = np.random.default_rng([self.secret, 0, n_spent])
        return self.threshold + float(rng.laplace(scale=2 * self.noise))

    def answer(self, train: float, test: float, *, n_asked: int, n_spent: int) -> Answer | None:
        """Answer one question; None refuses, since the budget is spent.

        Parameters
        ----------
        train, test : float
            Cross-validated training score and test score, from 0 to 1.
        n_asked, n_spent : int
            Questions answered before, and those of them that came from the test set.

        Raises
        ------
        DataError
            Where a score is not between 0 and 1.
        """
        for name, value in (("training", train), ("test", test)):
            if not 0 <= value <= 1:
                raise DataError(f"thresholdout: {name} score must lie in 0 to 1, got {value}")
        if n_spent >= self.budget:
            return None
        rng = np.random.default_rng([self.secret, 1, n_asked])
        limit = self.noisy_threshold(n_spent) + float(rng.laplace(scale=4 * self.noise))
        if abs(test - train) > limit:
            return Answer(test + float(rng.laplace(scale=self.noise)), True)
        return Answer(train, False)
