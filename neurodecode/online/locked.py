"""Scores of online decoders whose test set is locked: what the reusable holdout answers, no more.

One score a decoder is told: nrmse, 1 at most, since the holdout's noise is made for scores from 0
to 1. Its training score is the mean nrmse by rolling origin inside the training data.
"""

from __future__ import annotations

from collections.abc import Mapping

from neurodecode.artifacts import hash_settings
from neurodecode.evaluate.holdout import ask
from neurodecode.online.decoded import Array
from neurodecode.online.offline import Choice, build, rolling_error
from neurodecode.online.scoring import nrmse
from neurodecode.pipeline import Job
from neurodecode.seeds import derive

__all__ = ["ANSWERED", "answers"]

ANSWERED = "test set locked: answer of a reusable holdout, 1 at most"


def answers(
    job: Job,
    X: Array,
    Z: Array,
    decoded: Mapping[str, Array],
    truth: Array,
    choices: Mapping[str, Choice],
) -> dict[str, float | None]:
    """Ask for the nrmse of each decoder; None where the holdout refuses.

    Parameters
    ----------
    job : Job
        Of stage online.
    X, Z : (n_train, n_features), (n_train, d)
        Training bins and their kinematics.
    decoded : mapping of str to (n_test, d)
        Tested bins, by decoder.
    truth : (n_test, d)
    choices : mapping of str to Choice
        What was chosen inside the training data.
    """
    settings = job.study.online
    assert settings is not None
    shared = [
        settings.model_dump(include={"features", "train_end", "test_end"}),
        job.seed,
        job.input_hashes,
    ]
    found: dict[str, float | None] = {}
    for name, values in decoded.items():
        section = settings.decoders[name]
        seed = derive(job.seed, "online", job.study.name, job.wildcards["subject"], name)
        train = min(rolling_error(build(section, choices[name], seed), X, Z), 1.0)
        test = min(nrmse(values, truth), 1.0)
        # By all that the decoder depends on: another decoder's settings are no new question.
        query = hash_settings([*shared, name, section.model_dump(exclude={"role"}), "nrmse"])
        path = job.paths.ledger(job.wildcards["subject"])
        found[name] = ask(path, query, train, test, job.study.evaluate.holdout)
    return found
