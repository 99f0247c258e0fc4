"""Stage ``online``: a study's online decoders, scored on one subject's kinematics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from neurodecode.artifacts import save_arrays, write_table
from neurodecode.contracts import Recording
from neurodecode.errors import ConfigError, DataError
from neurodecode.evaluate.dictionary import COLUMNS
from neurodecode.evaluate.discovery import with_q
from neurodecode.evaluate.holdout import is_locked
from neurodecode.evaluate.ledger import query_of, write_query
from neurodecode.online.calibration import Training, binned
from neurodecode.online.decoded import Array
from neurodecode.online.locked import ANSWERED, answers
from neurodecode.online.offline import build, choose, in_words
from neurodecode.online.recorded import Recorded
from neurodecode.online.scoring import RIGHT_ANGLE, Estimate, Segment, shifted_p
from neurodecode.online.settings import OfflineSettings
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.seeds import derive, generator

__all__ = ["run"]

SHARE = 0.8
"""Of the recording that trains, where the YAML names no end."""


@dataclass(frozen=True)
class Parts:
    """Bins of training, test, and what follows (may be empty)."""

    train: slice
    test: slice
    later: slice

    def words(self, bin_width: float) -> str:
        """The split, in seconds."""
        test = f"{self.test.start * bin_width:g} to {self.test.stop * bin_width:g} s tested"
        rest = self.later.stop - self.later.start
        after = f", the {rest * bin_width:g} s after it scored apart" if rest else ""
        return f"fixed: the first {self.train.stop * bin_width:g} s train, {test}{after}"


def run(job: Job) -> Output:
    """Choose and fit on what comes first, decode the rest, score it."""
    settings = job.study.online
    if settings is None:
        raise ConfigError(f"study {job.study.name}: has no section online")
    X, Z, parts = _load(job, settings)
    decoded, choices = {}, {}
    with track("online", total=len(settings.decoders)) as advance:
        for name, section in settings.decoders.items():
            seed = derive(job.seed, "online", job.study.name, job.wildcards["subject"], name)
            choice = choose(section, X[parts.train], Z[parts.train], seed)
            fitted = build(section, choice, seed).fit(X[parts.train], Z[parts.train])
            decoded[name] = fitted.predict(X[parts.test.start :]).mean
            choices[name] = choice
            advance()
    width, subject = settings.features.bin_width, job.wildcards["subject"]
    selections = {name: in_words(settings.decoders[name], c) for name, c in choices.items()}
    scoring = _Scoring(job, settings, Z, parts, selections)
    locked = is_locked(job.study, job.paths, subject)
    if locked:
        n = parts.test.stop - parts.test.start
        tested = {name: values[:n] for name, values in decoded.items()}
        rows = scoring.answered(
            answers(job, X[parts.train], Z[parts.train], tested, Z[parts.test], choices)
        )
    else:
        rows = scoring.rows(decoded)
    query = query_of(job.settings_hash, job.seed, job.input_hashes)
    write_query(job.paths.ledger(subject), query, "locked" if locked else "exact")
    files = [job.sidecar.with_suffix(".tsv")]
    table = pd.DataFrame(rows).assign(oracle_share=np.nan)
    write_table(files[0], (table.assign(q=np.nan) if locked else with_q(table))[list(COLUMNS)])
    if not locked:
        files.append(job.sidecar.with_suffix(".safetensors"))
        # Single precision: the last digits of double differ between the run that compiles the
        # filters and those that find them compiled.
        shown = {"truth": Z[parts.test.start :], **decoded}
        save_arrays(files[1], {name: values.astype(np.float32) for name, values in shown.items()})
    facts = {
        "bin_width": width, "n_test": parts.test.stop - parts.test.start, "locked": locked,
        "split": parts.words(width), "n_features": X.shape[1],
    }  # fmt: skip
    return Output(files, facts)


def _load(job: Job, settings: OfflineSettings) -> tuple[Array, Array, Parts]:
    """Features and kinematics of all bins, the features fitted on training samples."""
    recording = job.adapter.load(job.wildcards["subject"])
    if not isinstance(recording, Recording) or recording.kinematics is None:
        raise DataError(f"study {job.study.name}: its recordings hold no kinematics")
    channels = tuple(recording.units["unit"])
    recorded = Recorded(
        np.asarray(recording.data[:], np.float64), recording.times, recording.sfreq, channels
    )
    n_samples, sfreq = recording.data.shape[0], recording.sfreq
    end = n_samples * SHARE if settings.train_end is None else settings.train_end * sfreq
    n_train = round(end)
    if n_train >= n_samples:
        raise ConfigError(
            f"online.train_end: must lie before the recording's end ({n_samples / sfreq:g} s), "
            f"got {settings.train_end:g}"
        )
    training = Training(recorded, recording.kinematics.astype(np.float64))
    chain, X, Z = binned(training, settings.features, n_train)
    first = n_train // chain.n_in_bin
    stop = len(X)
    if settings.test_end is not None:
        stop = min(round(settings.test_end * sfreq) // chain.n_in_bin, stop)
    return X, Z, Parts(slice(0, first), slice(first, stop), slice(stop, len(X)))


class _Scoring:
    """Turns what was decoded into rows of the score table."""

    def __init__(
        self,
        job: Job,
        settings: OfflineSettings,
        Z: Array,
        parts: Parts,
        selections: dict[str, str],
    ) -> None:
        self.job = job
        self.settings = settings
        self.parts = parts
        self.selections = selections
        self.block = max(1, round(settings.block / settings.features.bin_width))
        self.segments = {"": self._segment(Z, parts.test)}
        if parts.later.stop - parts.later.start >= 5 * self.block:
            self.segments["_later"] = self._segment(Z, parts.later)
        roles = {name: decoder.role for name, decoder in settings.decoders.items()}
        self.reference = next(name for name, role in roles.items() if role == "baseline")

    def _segment(self, Z: Array, part: slice) -> Segment:
        rng = generator(self.job.seed, "online", self.job.study.name, str(part.start))
        return Segment(Z[part], self.block, self.settings.n_bootstrap, rng)

    def rows(self, decoded: dict[str, Array]) -> list[dict[str, object]]:
        """All rows, decoder by decoder."""
        found = []
        for name, whole in decoded.items():
            at = 0
            for suffix, segment in self.segments.items():
                here = slice(at, at + len(segment))
                at += len(segment)
                own, other = whole[here], decoded[self.reference][here]
                p = shifted_p(own, segment.truth, self.block)
                found.append(self._row(name, f"nrmse{suffix}", segment.nrmse(own), 1.0, segment, p))
                if own.shape[1] == 2:
                    angle = segment.angle(own)
                    found.append(
                        self._row(name, f"angular_error{suffix}", angle, RIGHT_ANGLE, segment)
                    )
                if name != self.reference:
                    gain = segment.gain(own, other)
                    found.append(self._row(name, f"nrmse_gain{suffix}", gain, 0.0, segment))
        return found

    def answered(self, given: Mapping[str, float | None]) -> list[dict[str, object]]:
        """Rows of a locked test set: no interval, no p; NaN where the holdout refused."""
        unknown = float("nan")
        found = []
        for name, value in given.items():
            estimate = Estimate(unknown if value is None else value, unknown, unknown)
            row = self._row(name, "nrmse", estimate, 1.0, self.segments[""])
            found.append({**row, "averaging": f"{row['averaging']}; {ANSWERED}"})
        return found

    def _row(
        self, name: str, metric: str, estimate: Estimate, chance: float, segment: Segment,
        p: float = float("nan"),
    ) -> dict[str, object]:  # fmt: skip
        return {
            "study": self.job.study.name,
            "subject": self.job.wildcards["subject"],
            "system": name,
            "role": self.settings.decoders[name].role,
            "source": "decoded",
            "metric": metric,
            "extractor": "none",
            "value": estimate.value,
            "ci_low": estimate.low,
            "ci_high": estimate.high,
            "chance": chance,
            "n": len(segment),
            "p": p,
            "p_refit": float("nan"),
            "split": self.parts.words(self.settings.features.bin_width),
            "selection": self.selections[name],
            "resolution": "none",
            "averaging": "single bin",
            "transductive": False,
            "seed": self.job.seed,
        }
