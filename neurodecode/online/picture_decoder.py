"""A trained study's way from a live epoch to a picture.

An epoch is decoded to the semantic embedding by the ridge of a fold that never trained on its
stimulus, and drawn in few steps.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from neurodecode.artifacts import load_arrays, load_responses, load_targets, read_sidecar
from neurodecode.config import StudyConfig
from neurodecode.contracts import Conditions, Float, Responses
from neurodecode.embed.design import load_design
from neurodecode.errors import ConfigError
from neurodecode.models.diffusion import Generator
from neurodecode.online.epochs import Epoch
from neurodecode.online.pictures import Drawn, decode, draw_one, drawing_system
from neurodecode.online.stream import Marker
from neurodecode.paths import Paths
from neurodecode.preprocess.quality import load_quality
from neurodecode.preprocess.settings import EpochsSettings
from neurodecode.reconstruct.embedded import stretch
from neurodecode.reconstruct.sources import of_fold, training_gallery
from neurodecode.registry import make
from neurodecode.seeds import derive
from neurodecode.studies.bids_layout import read_tsv
from neurodecode.studies.settings import BidsSettings

__all__ = ["Decoded", "PictureDecoder"]


@dataclass(frozen=True)
class Decoded:
    """What one epoch says: ``embedding`` (1, d), as decoded by the fold that left it out."""

    marker: Marker
    stimulus: str
    fold: str
    embedding: Float


class PictureDecoder:
    """A trained study's way from epochs to pictures.

    Parameters
    ----------
    study : StudyConfig
        With responses of kind ``epochs`` that are causal, a ridge and the embedded generator.
    paths : Paths
        Where its artefacts lie.
    subject : str
    seed : int
        Of the run.
    steps : int
        Of the generator.

    Raises
    ------
    ConfigError
        Where the study cannot be decoded live, or has no such subject.
    DataError
        Where it has not been trained.
    """

    def __init__(
        self, study: StudyConfig, paths: Paths, subject: str, seed: int, steps: int
    ) -> None:
        self.study, self.subject, self.seed, self.steps = study, subject, seed, steps
        system, self.by = drawing_system(study)
        self.system = system.name
        settings = study.responses[system.responses]
        if not isinstance(settings, EpochsSettings) or not settings.causal or settings.rois:
            raise ConfigError(
                f"study {study.name}: its responses {system.responses} must be of kind epochs with "
                "causal: true and all regions, to be decoded from a stream"
            )
        self.estimator = make("estimator", settings)
        adapter = make("study", study.data)
        if subject not in adapter.subjects():
            raise ConfigError(f"subject must be one of {', '.join(adapter.subjects())}")
        sidecar = paths.responses(system.responses, subject)
        responses = load_responses(sidecar)
        self.units = _channels(responses, load_quality(sidecar))
        self.fold_of = _tested(load_design(paths), responses, subject)
        self.names = _meanings(study, adapter, subject)
        self._states = {}
        for fold in set(self.fold_of.values()):
            path = paths.fold(system.chain, fold, subject)
            read_sidecar(path)
            self._states[fold] = load_arrays(path.with_suffix(".safetensors"))
        self._gallery = training_gallery(
            adapter.stimuli(), {self.by: load_targets(paths.targets(self.by))}
        )
        stimuli = adapter.stimuli()
        self._pixels = dict(zip(stimuli.table["id"], stimuli.pixels, strict=True))
        self._galleries: dict[str, Float] = {}

    @property
    def size(self) -> int:
        """Numbers of an embedding."""
        state = next(iter(self._states.values()))
        return int(state[f"coef.{self.by}"].shape[1])

    def stimulus(self, marker: Marker) -> str | None:
        """The picture that a marker names: by its id, or by the number that it ends in."""
        if marker.label in self._pixels:
            return marker.label
        number = re.search(r"(\d+)\s*$", marker.label)
        return self.names.get(int(number[1])) if number else None

    def decode(self, epoch: Epoch) -> Decoded:
        """Decode one epoch of a picture that some fold tests."""
        stimulus = str(self.stimulus(epoch.marker))
        fold = self.fold_of[stimulus]
        embedding = decode(self._states[fold], epoch.features, self.by)
        return Decoded(epoch.marker, stimulus, fold, embedding)

    def draw(self, decoded: Decoded, generator: Generator, number: int) -> Drawn:
        """Draw what was decoded; ``number`` tells repeats of a picture apart."""
        began, name = time.perf_counter(), f"{decoded.stimulus}_{number:03d}"
        seed = derive(self.seed, self.study.name, self.subject, name, "live")
        embedding = stretch(decoded.embedding, self._training(decoded.fold))
        picture = draw_one(generator, embedding, seed, self.steps)
        seen = self._pixels[decoded.stimulus]
        seconds = time.perf_counter() - began
        return Drawn(name, decoded.stimulus, decoded.fold, seen, picture, seconds)

    def _training(self, fold: str) -> Float:
        """Embeddings of the pictures that a fold trained on, which set the scale."""
        if fold not in self._galleries:
            tested = [name for name, where in self.fold_of.items() if where == fold]
            table = pd.DataFrame({"stimulus": tested}).assign(
                participant_id=self.subject, trial="", category="", run=0, fold=fold
            )
            own = of_fold(self._gallery, Conditions(table, {}))
            self._galleries[fold] = own.targets[self.by].values
        return self._galleries[fold]


def _channels(responses: Responses, quality: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The channels of the trained responses, those that were interpolated marked as bad."""
    units = responses.units.drop_duplicates("channel").reset_index(drop=True)
    units = units.drop(columns=["unit", "time"]).rename(columns={"channel": "unit"})
    repaired = quality["repaired"]["channel"] if "repaired" in quality else pd.Series(dtype=str)
    return units.assign(bad=units["unit"].isin(repaired.astype(str)))


def _tested(design: pd.DataFrame, responses: Responses, subject: str) -> dict[str, str]:
    """The fold that tests each picture."""
    rows = design[(design["participant_id"] == subject) & (design["role"] == "test")]
    shown = dict(zip(responses.trials["trial"], responses.trials["stimulus"], strict=True))
    pairs = {(shown[t], f) for t, f in zip(rows["trial"], rows["fold"], strict=True) if t in shown}
    twice = [name for name, n in Counter(name for name, _ in pairs).items() if n > 1]
    if twice or not pairs:
        raise ConfigError(
            f"design.split: live pictures need each picture to be tested in one fold, "
            f"{len(twice)} are in several; split by stimulus_set or stimulus_folds"
        )
    return {str(name): str(fold) for name, fold in pairs}


def _meanings(study: StudyConfig, adapter: Any, subject: str) -> dict[int, str]:
    """What numbers of markers mean: column ``value`` of the study's own events."""
    if not isinstance(study.data, BidsSettings) or not study.data.stimulus_column:
        return {}
    column, found = study.data.stimulus_column, dict[int, str]()
    for path in adapter.sources(subject):
        if path.name.endswith("_events.tsv"):
            table = read_tsv(path, (column,))
            if "value" in table:
                known = table[table[column].notna() & table["value"].str.fullmatch(r"\d+")]
                names = known[column].map(lambda name: Path(name).stem)
                found |= dict(zip(known["value"].astype(int), names, strict=True))
    return found
