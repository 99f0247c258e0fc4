"""Haxby: eight categories, leave one run out, beside nilearn's ``Decoder`` on the same trials."""

from __future__ import annotations

import warnings

import nibabel as nib
import numpy as np
from nilearn.decoding import Decoder
from nilearn.image import index_img
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.svm import LinearSVC
from table import Table, run

from neurodecode.contracts import Responses
from neurodecode.embed.lda import ShrinkageLdaDecoder
from neurodecode.embed.ridge import RidgeDecoder
from neurodecode.evaluate.inference import difference, interval
from neurodecode.evaluate.tables import top1
from neurodecode.preprocess.block_position import BlockPosition
from neurodecode.preprocess.blocks import Blocks
from neurodecode.studies.haxby2001 import EMBEDDED, Haxby2001

SOURCES = (
    "benchmarks/a_haxby.py", "neurodecode/embed/ridge.py", "neurodecode/embed/lda.py",
    "neurodecode/preprocess/blocks.py", "neurodecode/preprocess/block_position.py",
    "neurodecode/evaluate/inference.py", "neurodecode/evaluate/tables.py",
    "neurodecode/studies/haxby2001.py", "neurodecode/studies/data/haxby2001",
)  # fmt: skip
N_BOOTSTRAP = 10_000


def ours(decoder: type, responses: Responses) -> NDArray[np.float64]:
    """Whether each trial's category is decoded, each run left out once; ties share, as on pages."""
    labels = responses.trials["category"].to_numpy(dtype=str)
    runs = responses.trials["run"].astype(str).to_numpy()
    codes = (labels[:, None] == np.unique(labels)).astype(np.float32)
    hit = np.zeros(len(labels))
    for train, test in LeaveOneGroupOut().split(labels, groups=runs):
        fitted = decoder(targets=("semantic",)).fit(
            responses.data[train],
            {"semantic": codes[train]},
            labels=labels[train],
            groups=runs[train],
        )
        named = top1(fitted.predict(responses.data[test])["label"].T)
        own = np.searchsorted(fitted.classes, labels[test])
        hit[test] = named[own, np.arange(len(own))]
    return hit


def nilearn_decoder(responses: Responses) -> NDArray[np.bool_]:
    """The same by nilearn's ``Decoder`` (linear SVC, its defaults), on trial images."""
    mask = nib.load(EMBEDDED / "mask.nii.gz")
    labels = responses.trials["category"].to_numpy(dtype=str)
    runs = responses.trials["run"].astype(str).to_numpy()
    volume = np.zeros((*mask.shape, len(labels)), np.float32)
    volume[np.asarray(mask.dataobj) > 0] = responses.data.T
    image = nib.Nifti1Image(volume, mask.affine)
    hit = np.zeros(len(labels), dtype=bool)
    for train, test in LeaveOneGroupOut().split(labels, groups=runs):
        decoder = Decoder(
            estimator="svc",
            mask=mask,
            cv=LeaveOneGroupOut(),
            screening_percentile=100,
            scoring="accuracy",
        )
        decoder.fit(index_img(image, train), labels[train], groups=runs[train])
        picked = decoder.predict(index_img(image, test))
        hit[test] = np.asarray(picked) == labels[test]
    return hit


def linear_svc(responses: Responses) -> NDArray[np.bool_]:
    """The same by scikit-learn's ``LinearSVC``, its defaults."""
    labels = responses.trials["category"].to_numpy(dtype=str)
    runs = responses.trials["run"].astype(str).to_numpy()
    hit = np.zeros(len(labels), dtype=bool)
    for train, test in LeaveOneGroupOut().split(labels, groups=runs):
        peer = LinearSVC(random_state=0).fit(responses.data[train], labels[train])
        hit[test] = peer.predict(responses.data[test]) == labels[test]
    return hit


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` leaves nilearn's slow inner search out."""
    recording = Haxby2001("embedded").load("01")
    responses = Blocks("run", 0.0, None).estimate(recording)
    causal = Blocks("preceding_rest", 0.0, None).estimate(recording)
    runs = responses.trials["run"].astype(str).to_numpy()

    def shown(hit: NDArray[np.float64]) -> str:
        low, high = interval(hit, runs, np.random.default_rng(0), N_BOOTSTRAP)
        return f"{hit.mean():.3f} ({low:.3f} to {high:.3f})"

    ridge = ours(RidgeDecoder, responses)
    table.add("accuracy_8way, ridge", shown(ridge), "chance .125", ">= .80", ridge.mean() >= 0.80)
    if not quick:
        peer = nilearn_decoder(responses).astype(float)
        mean, low, high = difference(ridge, peer, runs, np.random.default_rng(0), N_BOOTSTRAP)
        table.add("ridge - nilearn Decoder, same trials and folds",
                  f"{mean:+.3f} ({low:+.3f} to {high:+.3f})",
                  f"Decoder {shown(peer)}", "lower bound >= -.05", low >= -0.05)  # fmt: skip
    table.add("accuracy_8way, shrinkage LDA", shown(ours(ShrinkageLdaDecoder, responses)))
    table.add("accuracy_8way, LinearSVC", "", shown(linear_svc(responses).astype(float)))
    table.add("training-statistics variant, ridge", shown(ours(RidgeDecoder, causal)))
    table.add(
        "training-statistics variant, shrinkage LDA", shown(ours(ShrinkageLdaDecoder, causal))
    )
    position = ours(RidgeDecoder, BlockPosition().estimate(recording))
    table.add("block position alone, ridge", "", shown(position))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run("a_haxby", SOURCES, measure, __doc__ or "")
