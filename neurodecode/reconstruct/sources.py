"""Where conditions come from: decoded, and the ceilings and controls drawn by the same job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Conditions, Stimuli, Targets
from neurodecode.embed.stage import trial_targets
from neurodecode.registry import Gallery

__all__ = ["from_source", "itemise", "of_fold", "trained", "training_gallery"]


def itemise(conditions: Conditions, unit: str) -> Conditions:
    """Average decoded features over what is drawn as one picture.

    Parameters
    ----------
    conditions : Conditions
        One row a test trial.
    unit : str
        ``trial``: each trial is an item; ``stimulus``: the repeats of a picture are averaged
        after decoding.

    Returns
    -------
    Conditions
        The table gains ``item`` (a unique name) and ``n_trials``.
    """
    table = conditions.table
    key = table["trial"] if unit == "trial" else table["stimulus"]
    names = [str(name) for name in dict.fromkeys(key)]
    rows = [np.flatnonzero((key == name).to_numpy()) for name in names]
    first = table.iloc[[r[0] for r in rows]].reset_index(drop=True)
    return Conditions(
        first.assign(item=names, n_trials=[len(r) for r in rows]),
        {
            name: np.stack([values[r].mean(axis=0) for r in rows])
            for name, values in conditions.arrays.items()
        },
        conditions.classes,
    )


def training_gallery(stimuli: Stimuli, targets: Mapping[str, Targets]) -> Gallery:
    """Return what a backend may look at in some fold: all pictures but those of ``test``."""
    return _narrowed(stimuli, targets, (stimuli.table["set"] != "test").to_numpy())


def trained(stimuli: Stimuli, tested: Iterable[str]) -> NDArray[np.bool_]:
    """Say which stimuli (n,) were trained on in a fold that tests some, by their ids."""
    out = stimuli.table["id"].isin(set(tested)).to_numpy()
    kind = stimuli.table["set"].to_numpy(dtype=str)
    known: NDArray[np.bool_] = np.isin(kind, ("train", "both")) | ((kind == "fold") & ~out)
    return known


def of_fold(gallery: Gallery, items: Conditions) -> Gallery:
    """Leave out of a gallery what the fold of some items tests.

    Parameters
    ----------
    gallery : Gallery
        From :func:`training_gallery`.
    items : Conditions
        All of one fold and subject.
    """
    keep = trained(gallery.stimuli, items.table["stimulus"].astype(str))
    return gallery if keep.all() else _narrowed(gallery.stimuli, gallery.targets, keep)


def _narrowed(stimuli: Stimuli, targets: Mapping[str, Targets], keep: NDArray[np.bool_]) -> Gallery:
    ids = set(stimuli.table["id"][keep])
    return Gallery(
        stimuli.where(keep),
        {
            name: Targets(
                tuple(i for i in target.ids if i in ids),
                target.values[[i in ids for i in target.ids]],
                target.shape,
                target.extractor,
            )
            for name, target in targets.items()
        },
    )


def from_source(
    items: Conditions,
    source: str,
    stimuli: Stimuli,
    targets: Mapping[str, Targets],
    rng: np.random.Generator,
) -> Conditions:
    """Return the conditions of one fold's items from one source.

    Parameters
    ----------
    items : Conditions
        Decoded, one row an item of one fold.
    source : str
        ``decoded``: as they are. ``true``: the features of what was seen (of which only the
        category is known: the category's training prototype), the generator's ceiling.
        ``permuted``: decoded, in random order within the fold. ``mean``: the mean training
        features for every item, what a decoder that knows nothing would say.
    stimuli, targets
        All pictures of the study and their features.
    rng : numpy Generator
        Draws the permutation.
    """
    if source == "decoded":
        return items
    if source == "permuted":
        order = rng.permutation(len(items))
        arrays = {name: values[order] for name, values in items.arrays.items()}
        return Conditions(items.table, arrays, items.classes)
    known = [name for name in items.arrays if name in targets]
    if source == "true":
        arrays = {name: trial_targets(targets[name], items.table, stimuli) for name in known}
        category = items.table["category"].to_numpy(dtype=str)
        label = (category[:, None] == np.array(items.classes)).astype(np.float32)
    else:
        gallery = of_fold(training_gallery(stimuli, targets), items)
        means = {name: gallery.targets[name].values.mean(axis=0) for name in known}
        arrays = {name: np.tile(mean, (len(items), 1)) for name, mean in means.items()}
        label = np.full((len(items), len(items.classes)), 1 / max(len(items.classes), 1))
    if "label" in items.arrays:
        arrays["label"] = label.astype(np.float32)
    return Conditions(items.table, arrays, items.classes)
