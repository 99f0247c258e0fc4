"""Which class serves which ``kind`` in a study's YAML, and what each family must offer.

Built-in kinds are listed here; an installed package adds its own through an entry point in the
group ``neurodecode.<family>`` whose name is the kind and whose value is the class. What a study's
YAML may say of such a kind is in the class's attribute ``settings``, a ``Section``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import (
    Conditions,
    Float,
    Recording,
    Responses,
    Stimuli,
    Targets,
)
from neurodecode.errors import ConfigError
from neurodecode.settings import Section

__all__ = [
    "Backend",
    "Decoder",
    "Deconfounder",
    "Estimator",
    "Extractor",
    "Gallery",
    "KnowsPeople",
    "KnowsTruth",
    "Study",
    "kinds",
    "load",
    "make",
    "settings_of",
]

BUILT_IN: dict[str, dict[str, str]] = {
    "study": {
        "arrays": "neurodecode.studies.arrays:Arrays",
        "bids": "neurodecode.studies.bids:Bids",
        "bids_cohort": "neurodecode.studies.bids_cohort:BidsCohort",
        "cc2017": "neurodecode.studies.cc2017:Cc2017",
        "cohort": "neurodecode.studies.cohort:OwnCohort",
        "haxby2001": "neurodecode.studies.haxby2001:Haxby2001",
        "haxby2001_full": "neurodecode.studies.haxby2001_full:Haxby2001Full",
        "kinematics": "neurodecode.online.kinematics:Kinematics",
        "nsd": "neurodecode.studies.nsd:Nsd",
        "things_eeg2": "neurodecode.studies.things_eeg2:ThingsEeg2",
        "virtual": "neurodecode.studies.virtual:Virtual",
        "virtual_clips": "neurodecode.studies.virtual_clips:VirtualClips",
        "virtual_cohort": "neurodecode.studies.cohort:VirtualCohort",
    },
    "estimator": {
        "as_given": "neurodecode.preprocess.as_given:AsGiven",
        "blocks": "neurodecode.preprocess.blocks:Blocks",
        "block_position": "neurodecode.preprocess.block_position:BlockPosition",
        "epochs": "neurodecode.preprocess.eeg:Epochs",
        "glm": "neurodecode.preprocess.glm:Glm",
        "glm_library": "neurodecode.preprocess.glm_library:GlmLibrary",
        "window": "neurodecode.preprocess.window:Window",
    },
    "extractor": {
        "openclip": "neurodecode.targets.semantic:OpenClipTarget",
        "pixels": "neurodecode.targets.pixels:PixelTarget",
        "latent": "neurodecode.targets.latent:LatentTarget",
        "gabor": "neurodecode.targets.gabor:GaborTarget",
        "motion": "neurodecode.targets.clips:MotionTarget",
        "clip": "neurodecode.targets.clips:ClipTarget",
        "given": "neurodecode.targets.given:GivenTarget",
    },
    "decoder": {
        "ridge": "neurodecode.embed.ridge:RidgeDecoder",
        "shrinkage_lda": "neurodecode.embed.lda:ShrinkageLdaDecoder",
    },
    "deconfounder": {
        "demovae": "neurodecode.deconfound.demovae:DemoVAE",
        "harmonize": "neurodecode.deconfound.harmonize:Harmonize",
        "residualize": "neurodecode.deconfound.residualize:Residualize",
        "shrunken": "neurodecode.deconfound.shrunken:ShrunkenResidualize",
        "subspace": "neurodecode.deconfound.subspace:SubspaceProjection",
    },
    "backend": {
        "retrieval": "neurodecode.reconstruct.baselines:Retrieval",
        "prototype": "neurodecode.reconstruct.baselines:Prototype",
        "mean_picture": "neurodecode.reconstruct.baselines:MeanPicture",
        "random_picture": "neurodecode.reconstruct.baselines:RandomPicture",
        "linear_pixels": "neurodecode.reconstruct.baselines:LinearPixels",
        "embedded": "neurodecode.reconstruct.embedded:Embedded",
        "nearest_clip": "neurodecode.reconstruct.clips:NearestClip",
        "linear_clip": "neurodecode.reconstruct.clips:LinearClip",
        "mean_clip": "neurodecode.reconstruct.clips:MeanClip",
        "random_clip": "neurodecode.reconstruct.clips:RandomClip",
    },
    "online_decoder": {
        "kalman": "neurodecode.online.kalman:KalmanFilter",
        "kalman_steady": "neurodecode.online.kalman:SteadyKalmanFilter",
        "dkf": "neurodecode.online.dkf:DiscriminativeKalmanFilter",
        "ekf": "neurodecode.online.nonlinear:ExtendedKalmanFilter",
        "ukf": "neurodecode.online.nonlinear:UnscentedKalmanFilter",
        "regression": "neurodecode.online.wiener:RegressionDecoder",
        "lstm": "neurodecode.online.lstm:LstmDecoder",
    },
    "online_regressor": {
        "linear_ridge": "neurodecode.online.regressors:LinearRidge",
        "nadaraya_watson": "neurodecode.online.regressors:NadarayaWatson",
        "kernel_ridge": "neurodecode.online.regressors:KernelRidge",
        "gaussian_process": "neurodecode.online.regressors:GaussianProcess",
        "perceptron": "neurodecode.online.regressors:Perceptron",
    },
}


class Study(Protocol):
    """Adapter of one data set: who took part, what they saw, what was recorded.

    ``level`` is ``stimulus`` where it is known which picture was seen, ``category`` where only its
    class, ``features`` where it is known by features and not by a picture, ``kinematics`` where
    nothing was seen that matters and it is known how a body moved.
    """

    level: str
    simulated: bool

    def subjects(self) -> tuple[str, ...]:
        """Names of the participants, without ``sub-``."""

    def stimuli(self) -> Stimuli:
        """Pictures; ``set`` says which may be used for training and which are scored."""

    def load(self, subject: str) -> Recording | Responses:
        """Read (or simulate) one participant's data."""

    def sources(self, subject: str) -> Sequence[Path]:
        """Files that :meth:`load` reads."""

    def stimulus_sources(self) -> Sequence[Path]:
        """Files, beside those of the package, that :meth:`stimuli` reads."""

    def about(self) -> Mapping[str, str]:
        """Plain words for the report: ``recorded``, ``seen``, ``limits``, ``licence``."""


@runtime_checkable
class KnowsPeople(Protocol):
    """An adapter that also knows who its participants are."""

    def demographics(self) -> pd.DataFrame | None:
        """One row a participant, indexed by name: ``age``, ``sex``, ``site``, as far as known.

        Never logged, never written beside the recording's own table.
        """


@runtime_checkable
class KnowsTruth(Protocol):
    """An adapter of simulated people that also knows how their brains were made."""

    def log_likelihood(
        self, subject: str, responses: Responses, candidates: Stimuli
    ) -> NDArray[np.float64]:
        """Return log p(response | candidate), (n_candidates, n_trials), up to a constant a trial.

        ``responses`` are trials of :meth:`Study.load`, as they are. Nothing of a candidate is
        looked at that is not told by what is seen of it.
        """


class Estimator(Protocol):
    """From a recording to one response a trial."""

    def estimate(self, data: Recording | Responses) -> Responses:
        """Return the responses of all trials; sees no label."""


class Extractor(Protocol):
    """From pictures to feature vectors.

    One that ``reconstruct.choose_by`` names also has ``embed(pictures)``: features (n, d) of drawn
    pictures, uint8 (n, h, w, 3).
    """

    def extract(self, stimuli: Stimuli) -> Targets:
        """Return one row of features a picture."""


class Decoder(Protocol):
    """From response vectors to the features of what was seen; fitted on one fold."""

    def fit(
        self,
        X: Float,
        targets: Mapping[str, Float],
        *,
        labels: NDArray[np.str_],
        groups: NDArray[Any],
    ) -> Self:
        """Fit on training trials; ``groups`` belong to the inner splits.

        ``X`` is (n_trials, n_units), each target (n_trials, d), ``labels`` the category of each
        trial (empty strings where there is none).
        """

    def predict(self, X: Float) -> dict[str, Float]:
        """Decode each row alone; ``label`` (n_trials, n_classes) where labels were given."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Columns of ``label``."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""


class Deconfounder(Protocol):
    """Takes demographics out of features of people; fitted on the training people of one fold.

    One row a person; ``demographics`` is a table with one row a person and the columns that are to
    be removed: numbers are continuous, all else categorical (see
    :class:`neurodecode.deconfound.demographics.Encoding`). A scikit-learn transformer: in a
    pipeline, ``demographics`` is routed as metadata. A method that can also has

    - ``counterfactual(X, *, demographics, to)``: the same people, float32 (n_people, n_features),
      had their demographics been ``to``;
    - ``sample(n, *, demographics)``: n synthetic people with these demographics, one row each.
    """

    def fit(self, X: Float, y: object = None, *, demographics: pd.DataFrame) -> Self:
        """Fit on training people, ``X`` (n_people, n_features).

        ``y`` is a label that is to be kept; few methods look at it, and only where asked to.

        Raises ``NotIdentifiable`` where a level has too few people, ``DataError`` where a value
        of ``demographics`` is missing.
        """

    def transform(self, X: Float, *, demographics: pd.DataFrame) -> Float:
        """Return each row, alone, without what its demographics explain, (n_people, n_out)."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what :meth:`state` gave."""


@dataclass(frozen=True)
class Gallery:
    """What a backend may look at: the training pictures of one fold and their features."""

    stimuli: Stimuli
    targets: Mapping[str, Targets]


class Backend(Protocol):
    """From decoded conditions to pictures, or to clips where those are shown."""

    uses: tuple[str, ...]

    def generate(
        self, conditions: Conditions, gallery: Gallery, *, seeds: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Draw pictures, uint8 (n_items, n_samples, h, w, 3), or clips with frames before h.

        In a study of clips a picture is held still.
        ``seeds`` is (n_items, n_samples); a backend that draws nothing at random returns one
        sample an item.
        """


def kinds(family: str) -> dict[str, str]:
    """All kinds of a family, built in and installed: kind -> ``module:Class``."""
    installed = {e.name: e.value for e in entry_points(group=f"neurodecode.{family}")}
    return {**installed, **BUILT_IN[family]}


def load(family: str, kind: str) -> Any:
    """Import the class behind a kind.

    Raises
    ------
    ConfigError
        Where no such kind is known.
    """
    # Installed packages are asked only where they must be: reading all their metadata takes 10 ms.
    known = BUILT_IN[family] if kind in BUILT_IN[family] else kinds(family)
    if kind not in known:
        raise ConfigError(f"{family} kind must be one of {', '.join(sorted(known))}, got {kind!r}")
    module, _, name = known[kind].partition(":")
    return getattr(import_module(module), name)


def settings_of(family: str, kind: str) -> type[Section]:
    """Return the settings of a kind that an installed package adds.

    Raises
    ------
    ConfigError
        Where no such kind is known, or its class names no settings.
    """
    settings = getattr(load(family, kind), "settings", None)
    if not (isinstance(settings, type) and issubclass(settings, Section)):
        raise ConfigError(
            f"{family} kind {kind!r}: {kinds(family)[kind]}, of an installed package, must name "
            "its settings, a neurodecode.settings.Section, as the attribute `settings`"
        )
    return settings


def make(family: str, settings: Any, **extra: Any) -> Any:
    """Build the object that a settings section describes.

    The section's keys, without ``kind`` and what stages use themselves, are the keyword arguments
    of the class; ``extra`` adds what the caller knows (seed, results folder).
    """
    own = {"kind", "role", "rois", "noise_normalisation", "alignment", "min_reliability",
           "deconfound"}  # fmt: skip
    options = settings.model_dump(exclude=own)
    return load(family, settings.kind)(**options, **extra)
