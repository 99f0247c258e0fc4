"""What the autoencoders share: people who decide when training ends, checkpoints, saving.

Some training people are set aside, whole people and not rows of them; the network is trained on the
others until those stop gaining. Then a new one is trained on all for as many steps.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from neurodecode.contracts import Float
from neurodecode.deconfound.base import DeconfounderBase
from neurodecode.deconfound.demographics import Array, Encoding, persons
from neurodecode.deconfound.demovae_model import Front
from neurodecode.deconfound.design import Design
from neurodecode.deconfound.training import Checkpoint, Loss, People, best_steps, train
from neurodecode.errors import ConfigError, DataError
from neurodecode.models.training import torch_generator
from neurodecode.seeds import generator

__all__ = ["Autoencoder", "Begun"]

PEOPLE_A_COMPONENT = 4
"""Training people that each principal component needs."""


@dataclass(frozen=True)
class Begun:
    """A network before its training, the people it is trained on, and its loss."""

    front: Front
    network: nn.Module
    people: People
    loss: Loss


class Autoencoder(DeconfounderBase):
    """Trains a network behind principal components; a method fills in ``_begin`` and ``_network``.

    Attributes
    ----------
    steps_ : int
        Steps that validation people chose.
    spread_ : (n_columns,)
        Standard deviation of each design column.
    validation_losses_ : list of float
        Loss of the validation people at each look, the first before any step.
    """

    learned: ClassVar[tuple[str, ...]] = ("steps", "spread")
    stream: ClassVar[str]
    """Names the stream of random numbers, and the checkpoints."""

    network_: nn.Module

    n_components: int
    latent_dim: int
    hidden: int
    steps: int
    every: int
    patience: int
    lr: float
    validation: float
    seed: int
    knots: int
    device: str | None
    checkpoints: str | Path | None

    @abstractmethod
    def _begin(self, X: Array, design: Array) -> Begun:
        """Return what is trained on some people; ``design`` is centred over them."""

    @abstractmethod
    def _network(self, weights: Mapping[str, torch.Tensor]) -> nn.Module:
        """Return a network of the size of some weights."""

    def _finish(self, X: Array, design: Array, judged: Array) -> None:
        """Learn what a method needs beside its network.

        Parameters
        ----------
        X, design
            Of all training people.
        judged : (n_validation, n_scores)
            Whitened scores of the validation people, by components that they had no part in.
        """

    def _fit(self, X: Array, table: pd.DataFrame) -> None:
        self._check_parameters()
        self.design_ = Design.learn(self.encoding_, table, self.knots)
        self.spread_ = self.design_.matrix(table).std(axis=0)
        self.blocks_ = self.design_.effects(table)
        design = self._columns(table)
        judging = self._validation_people(table)
        rows = design - design[~judging].mean(axis=0)
        first = self._begin(X[~judging], rows[~judging])
        judges = first.front.people(X[judging], rows[judging], self._device())
        steps, self.validation_losses_ = best_steps(
            first.network, first.people, judges, first.loss,
            steps=self.steps, every=self.every, patience=self.patience, lr=self.lr,
            seed=self.seed, keep=self._checkpoint("choose", X, design),
        )  # fmt: skip
        self.steps_ = np.array(steps)
        whole = self._begin(X, design)
        self.front_, self.network_ = whole.front, whole.network
        train(
            whole.network, whole.people, whole.loss, steps=steps, every=self.every, lr=self.lr,
            seed=self.seed, keep=self._checkpoint("all", X, design),
        )  # fmt: skip
        self.network_.cpu().eval()
        self._finish(X, design, first.front.scores(X[judging]))

    def _validation_people(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Whether each row is of a person who decides when training ends."""
        whose = persons(table)
        n_people = int(whose.max()) + 1
        order = generator(self.seed, self.stream, "validation people").permutation(n_people)
        return np.isin(whose, order[: max(round(self.validation * n_people), 1)])

    def _columns(self, table: pd.DataFrame) -> Array:
        return np.asarray(self.design_.matrix(table) / self.spread_)

    def _check_parameters(self) -> None:
        for name in ("n_components", "latent_dim", "hidden", "every", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if not 0 < self.validation < 1:
            raise ConfigError(f"validation: must lie between 0 and 1, got {self.validation}")

    def _n_scores(self, X: Array, design: Array) -> int:
        """Return the number of components that so many people allow."""
        n_scores = int(min(self.n_components, len(X) // PEOPLE_A_COMPONENT, X.shape[1]))
        if n_scores <= design.shape[1]:
            raise DataError(
                f"{type(self).__name__}: {len(X)} people and {X.shape[1]} features give {n_scores} "
                f"components, the demographics take {design.shape[1]}: more people or features are "
                "needed"
            )
        return n_scores

    def _chance(self) -> torch.Generator:
        """Source of a network's first weights."""
        return torch_generator(self.seed, self.stream, "network")

    def _device(self) -> str:
        return self.device or ("cuda" if torch.cuda.is_available() else "cpu")

    def _checkpoint(self, what: str, X: Array, design: Array) -> Checkpoint | None:
        if self.checkpoints is None:
            return None
        own = {k: v for k, v in self.get_params().items() if k != "checkpoints"}
        digest = hashlib.sha256(repr(sorted(own.items())).encode())
        digest.update(np.ascontiguousarray(X).tobytes() + np.ascontiguousarray(design).tobytes())
        work = digest.hexdigest()
        file = f"{self.stream}-{what}-{work[:12]}.safetensors"  # fits of other people lie beside it
        return Checkpoint(Path(self.checkpoints) / file, work)

    def _checked(self, X: Float, demographics: pd.DataFrame) -> tuple[Array, Array]:
        check_is_fitted(self)
        values: Array = validate_data(self, X, dtype=np.float64, reset=False)
        design = self._columns(demographics)
        if len(design) != len(values):
            raise DataError(f"demographics: {len(design)} rows for {len(values)} rows of features")
        return values, design

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors; no features of a single person are among them."""
        weights = {f"network.{k}": v.numpy() for k, v in self.network_.state_dict().items()}
        return {**super().state(), **self.design_.state(), **self.front_.state(), **weights}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what :meth:`state` gave."""
        super().restore(arrays)
        weights = {
            name.removeprefix("network."): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith("network.")
        }
        lacking = [name for name in ("front.mean", "centre") if name not in arrays]
        if lacking:
            raise DataError(f"{type(self).__name__}: array(s) {', '.join(lacking)} missing")
        self.design_ = Design.restore(Encoding.restore(arrays), arrays)
        self.front_ = Front.restore(arrays)
        try:
            self.network_ = self._network(weights)
        except KeyError as error:
            name = f"network.{error.args[0]}"
            raise DataError(f"{type(self).__name__}: array(s) {name} missing") from error
        self.network_.load_state_dict(weights)
        self.network_.eval()
        return self
