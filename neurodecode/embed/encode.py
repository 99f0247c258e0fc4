"""Encoding models: banded ridge from features of what was seen to responses.

With standardised features ``x_b`` (d_b,) of band b, divided by the root of their number, a unit v
is predicted by ``sum_b x_b' W_bv + c_v``, where the weights minimise

    sum_t |y_tv - sum_b x_tb' W_bv - c_v|^2 + alpha_v sum_b |W_bv|^2 / g_bv,   sum_b g_bv = 1

(Nunez-Elizalde et al. 2019, NeuroImage 197, 482; Dupre la Tour et al. 2022, NeuroImage 264,
119728). The penalty ``alpha_v`` is each unit's own, the mixture ``g_v`` too where it can be told
from the one that units share: those of least squared error over inner folds, see
:mod:`neurodecode.embed.banded_search`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.model_selection import GroupKFold

from neurodecode.artifacts import load_arrays, read_sidecar, save_arrays
from neurodecode.contracts import Float
from neurodecode.embed.banded_search import mixtures, search
from neurodecode.embed.ridge import decompose
from neurodecode.errors import DataError

__all__ = ["EncodingModel", "fit_encoding_model", "load_encoding_model", "save_encoding_model"]

Double = NDArray[np.float64]


@dataclass(frozen=True)
class EncodingModel:
    """A fitted encoding model: what responses to expect, and how far they are off.

    Attributes
    ----------
    bands : tuple of str
        Names of the feature spaces.
    mean, scale : mapping of str to float32 (d_b,)
        What a band's features are standardised by, the root of their number included.
    coef : mapping of str to float32 (d_b, n_units)
    intercept : float32 (n_units,)
    mixture : float32 (n_bands, n_units)
        Share of each band in the prior; sums to 1.
    alpha : float32 (n_units,)
    noise_sd : float32 (n_units,)
        SD of single trials about the prediction.
    residuals : float32 (n_rows, n_units)
        Of left-out training trials, divided by ``noise_sd``.
    shrinkage : float
        Of their correlation towards the identity (Ledoit and Wolf).
    """

    bands: tuple[str, ...]
    mean: Mapping[str, Float]
    scale: Mapping[str, Float]
    coef: Mapping[str, Float]
    intercept: Float
    mixture: Float
    alpha: Float
    noise_sd: Float
    residuals: Float
    shrinkage: float

    def predict_bands(self, features: Mapping[str, Float]) -> Float:
        """Return each band's part (n_bands, n, n_units); with the intercept they add up.

        Raises
        ------
        DataError
            Where a band is missing or has another number of features.
        """
        for band in self.bands:
            found, wanted = features.get(band), len(self.mean[band])
            if found is None or found.ndim != 2 or found.shape[1] != wanted:
                raise DataError(
                    f"encoding model: band {band!r} must be (n, {wanted}), got "
                    f"{'nothing' if found is None else found.shape}"
                )
        parts = [(features[b] - self.mean[b]) / self.scale[b] @ self.coef[b] for b in self.bands]
        return np.stack(parts).astype(np.float32)

    def predict(self, features: Mapping[str, Float]) -> Float:
        """Return expected responses (n, n_units) to stimuli of these features (n, d_b)."""
        expected: Float = self.predict_bands(features).sum(axis=0) + self.intercept
        return expected

    def covariance(self) -> Double:
        """Return the covariance (n_units, n_units) of single trials about the prediction."""
        kept = 1 - self.shrinkage
        Z = self.residuals.astype(np.float64)
        correlation = kept * Z.T @ Z / len(Z) + self.shrinkage * np.eye(Z.shape[1])
        sd = self.noise_sd.astype(np.float64)
        full: Double = correlation * np.outer(sd, sd)
        return full

    def log_likelihood(self, responses: Float, features: Mapping[str, Float]) -> Double:
        """Return the log density (n,) of single trials (n, n_units), normal about the prediction.

        The covariance is never formed: only a matrix of ``n_rows`` squared is solved.
        """
        errors = ((responses - self.predict(features)) / self.noise_sd).astype(np.float64)
        rows = self.residuals.astype(np.float64) * np.sqrt(
            (1 - self.shrinkage) / len(self.residuals)
        )
        small = self.shrinkage * np.eye(len(rows)) + rows @ rows.T
        along = rows @ errors.T
        explained = (along * solve(small, along, assume_a="pos")).sum(axis=0)
        distance = ((errors**2).sum(axis=1) - explained) / self.shrinkage
        n_units = errors.shape[1]
        log_size = (n_units - len(rows)) * np.log(self.shrinkage) + np.linalg.slogdet(small)[1]
        log_size += 2 * np.log(self.noise_sd.astype(np.float64)).sum()
        density: Double = -0.5 * (distance + log_size + n_units * np.log(2 * np.pi))
        return density


def fit_encoding_model(
    responses: Float,
    features: Mapping[str, Float],
    *,
    items: NDArray[Any],
    groups: NDArray[Any],
    alphas: Sequence[float],
    n_mixtures: int,
    inner_folds: int,
    seed: int,
) -> EncodingModel:
    """Fit on training trials.

    Trials of one item and group are averaged first, so that what is fitted holds each once.

    Parameters
    ----------
    responses : float32 (n_trials, n_units)
    features : mapping of str to float32 (n_trials, d_b)
        Of what each trial showed.
    items, groups : (n_trials,)
        What was shown; groups stay on one side of every inner split.
    alphas : sequence of float
    n_mixtures : int
        Random mixtures that are tried.
    inner_folds : int
    seed : int
        Of the mixtures.

    Raises
    ------
    DataError
        Where there are fewer than two groups.
    """
    bands = tuple(features)
    first, row_of, count = _rows(items, groups)
    Y = _mean_by(responses, row_of, count)
    row_groups = groups[first]
    n_groups = len(np.unique(row_groups))
    if n_groups < 2:
        raise DataError(
            f"encoding model: choosing its penalties needs 2 groups of training trials, got "
            f"{n_groups}; let design.group name a column with more levels"
        )
    mean, scale, X = {}, {}, {}
    for band in bands:
        values = features[band][first]
        sd = values.std(axis=0)
        mean[band] = values.mean(axis=0)
        scale[band] = np.where(sd > 1e-6, sd, 1) * np.float32(np.sqrt(values.shape[1]))
        X[band] = ((values - mean[band]) / scale[band]).astype(np.float32)
    splits = list(GroupKFold(min(inner_folds, n_groups)).split(Y, groups=row_groups))
    intercept = Y.mean(axis=0)
    tried = mixtures([X[band].shape[1] for band in bands], n_mixtures, seed)
    coef, mixture, alpha = search(
        [X[band] for band in bands], Y - intercept, splits, np.asarray(alphas), tried
    )
    left_out = _left_out([X[band] for band in bands], Y, splits, mixture, alpha)
    # A trial's own deviation from its item's mean is noise that no fit has seen.
    residuals = responses - Y[row_of] + left_out[row_of]
    noise_sd = np.maximum(residuals.std(axis=0), 1e-6)
    residuals = (residuals - residuals.mean(axis=0)) / noise_sd
    shrinkage = ledoit_wolf_shrinkage(residuals, assume_centered=True)
    return EncodingModel(
        bands=bands,
        mean=mean,
        scale=scale,
        coef=dict(zip(bands, coef, strict=True)),
        intercept=intercept,
        mixture=mixture.astype(np.float32),
        alpha=alpha.astype(np.float32),
        noise_sd=noise_sd.astype(np.float32),
        residuals=residuals.astype(np.float32),
        shrinkage=float(np.clip(shrinkage, 1e-3, 1)),
    )


def _rows(
    items: NDArray[Any], groups: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the first trial of each item and group, each trial's row, and trials a row."""
    pairs = np.array([f"{g}\0{i}" for g, i in zip(groups, items, strict=True)])
    _, first, row_of, count = np.unique(
        pairs, return_index=True, return_inverse=True, return_counts=True
    )
    return first, row_of, count


def _mean_by(values: Float, row_of: NDArray[np.int64], count: NDArray[np.int64]) -> Float:
    total = np.zeros((len(count), values.shape[1]))
    np.add.at(total, row_of, values)
    return (total / count[:, None]).astype(np.float32)


def _left_out(X: list[Float], Y: Float, splits: list[Any], mixture: Float, alpha: Float) -> Float:
    """Return what each row's prediction misses when its inner fold is left out (n_rows, n_units).

    Exact without fitting again: ``(I - H_gg)^-1 (Y - H Y)_g`` with the smoother ``H`` of all rows
    (see :func:`~neurodecode.embed.ridge.choose_alpha`).
    """
    n = len(Y)
    centred = (Y - Y.mean(axis=0)).astype(np.float64)
    errors = np.empty((n, Y.shape[1]), np.float32)
    mixtures, own = np.unique(np.round(mixture, 6), axis=1, return_inverse=True)
    penalties = np.round(np.log(alpha), 4)
    for k, weights in enumerate(mixtures.T):
        units = np.flatnonzero(own.ravel() == k)
        joined = np.concatenate(
            [part * np.sqrt(w) for part, w in zip(X, weights, strict=True)], axis=1
        ).astype(np.float32)
        zero, one = np.zeros(joined.shape[1], np.float32), np.ones(joined.shape[1], np.float32)
        spectrum = decompose(joined, zero, one)
        for penalty in np.unique(penalties[units]):
            some = units[penalties[units] == penalty]
            kept = spectrum.values / (spectrum.values + alpha[some[0]])
            fitted = spectrum.left @ (kept[:, None] * (spectrum.left.T @ centred[:, some]))
            for _, out in splits:
                U = spectrum.left[out]
                free = np.eye(len(out)) - 1 / n - (U * kept) @ U.T
                missed = (centred[:, some] - fitted)[out]
                errors[np.ix_(out, some)] = solve(free, missed, assume_a="pos")
    return errors


def save_encoding_model(sidecar: Path, model: EncodingModel) -> tuple[list[Path], dict[str, Any]]:
    """Write the file of a model beside its sidecar's name; returns it and the sidecar's facts."""
    file = sidecar.with_suffix(".safetensors")
    arrays = {
        "intercept": model.intercept, "mixture": model.mixture, "alpha": model.alpha,
        "noise_sd": model.noise_sd, "residuals": model.residuals,
    }  # fmt: skip
    for band in model.bands:
        arrays |= {
            f"mean.{band}": model.mean[band],
            f"scale.{band}": model.scale[band],
            f"coef.{band}": model.coef[band],
        }
    save_arrays(file, arrays)
    return [file], {"bands": model.bands, "shrinkage": model.shrinkage}


def load_encoding_model(sidecar: Path) -> EncodingModel:
    """Read an encoding model from the sidecar that commits it.

    Raises
    ------
    DataError
        Where it is missing, damaged, or no encoding model.
    """
    facts, arrays = read_sidecar(sidecar).facts, load_arrays(sidecar.with_suffix(".safetensors"))
    try:
        bands = tuple(map(str, facts["bands"]))
        mean, scale, coef = (
            {band: arrays[f"{part}.{band}"] for band in bands} for part in ("mean", "scale", "coef")
        )
        return EncodingModel(
            bands,
            mean,
            scale,
            coef,
            intercept=arrays["intercept"],
            mixture=arrays["mixture"],
            alpha=arrays["alpha"],
            noise_sd=arrays["noise_sd"],
            residuals=arrays["residuals"],
            shrinkage=float(facts["shrinkage"]),
        )
    except KeyError as error:
        raise DataError(f"{sidecar}: not an encoding model (no {error})") from error
