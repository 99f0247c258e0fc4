"""What each metric means, by one definition, and the table of all scores of a run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from neurodecode.artifacts import read_table, write_table, write_text
from neurodecode.errors import DataError

__all__ = ["COLUMNS", "Definition", "collect", "define", "is_identification", "oracle_of"]

COLUMNS = (
    *("study", "subject", "system", "role", "source", "metric", "extractor", "value"),
    *("ci_low", "ci_high", "chance", "n", "p", "q", "p_refit", "oracle_share", "split"),
    *("selection", "resolution", "averaging", "transductive", "seed"),
)
TEXT = (
    *("study", "subject", "system", "role", "source", "metric", "extractor"),
    *("split", "selection", "resolution", "averaging"),
)


@dataclass(frozen=True)
class Definition:
    """One metric.

    Attributes
    ----------
    definition : str
        How it is computed.
    range : tuple of float
        Lowest and highest value.
    chance : str
        Expected value where the picture has nothing to do with the truth.
    better : str
        ``higher`` or ``lower``.
    """

    definition: str
    range: tuple[float, float]
    chance: str
    better: str = "higher"


_ORACLE = {
    True: "the same question answered by one who knows how the brains were made: the likelihood of "
    "the item's trials under each candidate, hidden features unknown; oracle_share is "
    "(score - chance) / (oracle - chance). Of two candidates neither what is decoded nor a picture "
    "that is drawn from these trials can be expected to tell more often which was seen",
    False: "of the scored stimulus that the item's trials are likeliest under. A decoder is not "
    "told which stimuli those are, so this is no bar, and no share is taken",
}

_KNOWN: dict[str, Definition] = {
    r"pixcorr": Definition(
        "Pearson correlation of the flattened RGB pixels of the picture shown and the picture "
        "seen, at the study's resolution; 0 where a picture is blank; mean over items",
        (-1.0, 1.0),
        "the mean over all pairs of a scored and a shown picture",
    ),
    r"ssim": Definition(
        "structural similarity of the grey pictures (Gaussian weights of SD 1.5, population "
        "covariance, data range 1); mean over items",
        (-1.0, 1.0),
        "the mean over all pairs of a scored and a shown picture",
    ),
    r"(two_way_.+|retrieval_two_way)_within_(category|cluster)": Definition(
        "two-way identification against the other scored stimuli of the same category, or cluster "
        "of semantic features, only; a group of one counts half; mean over items",
        (0.0, 1.0),
        "0.5",
    ),
    r"(two_way_.+|retrieval_two_way)_across_(categories|clusters)": Definition(
        "two-way identification against the scored stimuli of other categories, or clusters of "
        "semantic features, only; mean over items",
        (0.0, 1.0),
        "0.5",
    ),
    r"two_way_frames_.+": Definition(
        "share of the other scored clips whose features at a frame correlate less with those of "
        "the clip shown at that frame than the features of the clip seen do; ties and undefined "
        "correlations count half; mean over four evenly spaced frames, and items",
        (0.0, 1.0),
        "0.5",
    ),
    r"two_way_clip_.+": Definition(
        "as two_way_frames, by the mean of features over the four frames of a clip",
        (0.0, 1.0),
        "0.5",
    ),
    r"two_way_motion": Definition(
        "share of the other scored clips whose flow (Lucas-Kanade, 8 x 8 cells, mean over time) "
        "has a lower cosine with that of the clip shown than the flow of the clip seen has; ties, "
        "and clips that do not move, count half; mean over items",
        (0.0, 1.0),
        "0.5",
    ),
    r"two_way_reversed": Definition(
        "share of items whose clip shown has a flow (as two_way_motion) that is more like that of "
        "the clip seen than like that of the clip seen, run backwards, which has the same frames; "
        "a clip that does not move counts half",
        (0.0, 1.0),
        "the mean over all pairs of a scored and a shown clip, near 0.5",
    ),
    r"retrieval_two_way_motion": Definition(
        "as two_way_motion, by the decoded motion target; no clip is drawn for it",
        (0.0, 1.0),
        "0.5",
    ),
    r"retrieval_reversed": Definition(
        "as two_way_reversed, by the decoded motion target; no clip is drawn for it",
        (0.0, 1.0),
        "the mean over all pairs of a scored and a decoded clip, near 0.5",
    ),
    r"motion_epe": Definition(
        "end-point error: length of the difference between the flows (Lucas-Kanade, 8 x 8 cells) "
        "of the clip shown and the clip seen, in hundredths of the picture's width a frame; mean "
        "over cells, frames and items; a clip that stands still does well where little moves",
        (0.0, math.inf),
        "the mean over all pairs of a scored and a shown clip",
        "lower",
    ),
    r"frame_ssim": Definition(
        "structural similarity of RGB frames, colours apart (flat window of 7 pixels, sample "
        "covariance), at four evenly spaced frames a clip; mean over frames and items",
        (-1.0, 1.0),
        "the mean over all pairs of a scored and a shown clip",
    ),
    r"frame_psnr": Definition(
        "20 log10(255 / RMSE) of RGB frames, dB, at most 54, at four evenly spaced frames a clip; "
        "mean over frames and items",
        (-math.inf, 20 * math.log10(510)),
        "the mean over all pairs of a scored and a shown clip",
    ),
    r"clip_pcc": Definition(
        "mean cosine of adjacent frames' embeddings of the clip shown; mean over items; says "
        "nothing of the truth, and is 1 for a clip that stands still",
        (-1.0, 1.0),
        "none: that of the scored clips themselves stands here",
    ),
    r"two_way_.+(?<!_within_category)(?<!_within_cluster)(?<!_across_categories)"
    r"(?<!_across_clusters)": Definition(
        "share of the other scored pictures whose features correlate less with those of the "
        "picture shown than the features of the picture seen do; ties and undefined "
        "correlations count half; mean over items",
        (0.0, 1.0),
        "0.5",
    ),
    r"category_identification": Definition(
        "share of the other categories whose scored pictures correlate less, on average, with "
        "the picture shown than those of the category seen do; ties count half; mean over items",
        (0.0, 1.0),
        "0.5",
    ),
    r"category_top1": Definition(
        "share of items whose shown picture correlates most, on average, with the scored "
        "pictures of the category seen; ties share",
        (0.0, 1.0),
        "1 / number of categories",
    ),
    r"accuracy_\d+way": Definition(
        "share of items whose highest decoded class score is the class seen; ties share; no "
        "picture is drawn for it",
        (0.0, 1.0),
        "1 / number of classes",
    ),
    r"retrieval_top1": Definition(
        "share of items whose seen picture is, of all scored pictures (of 300 at random, mean of "
        "30 draws, where there are more), the nearest to the decoded embedding by cosine; ties "
        "share; no picture is drawn for it",
        (0.0, 1.0),
        "1 / number of candidates",
    ),
    r"retrieval_two_way": Definition(
        "share of the other scored stimuli whose features correlate less with the decoded "
        "features than those of the stimulus seen do, the mean features of stimuli that are not "
        "scored taken out of both; ties and undefined correlations count half; no picture is "
        "drawn for it",
        (0.0, 1.0),
        "0.5",
    ),
    r"retrieval_top5": Definition(
        "share of items whose seen picture is among the five scored pictures (of 300 at random "
        "where there are more, the mean over all such draws) that are nearest to the decoded "
        "embedding by cosine; ties share; no picture is drawn for it",
        (0.0, 1.0),
        "5 / number of candidates",
    ),
    r"classified_\d+way": Definition(
        "share of draws of n - 1 other classes in which the extractor's classifier gives the "
        "picture shown a higher score for its class of the picture seen than for any of them; "
        "mean over all draws, in closed form, and over items; ties share",
        (0.0, 1.0),
        "1 / n",
    ),
    r"classified_\d+way_of_top3": Definition(
        "as without _of_top3, but a success if any of the classifier's three best classes of the "
        "picture seen wins over the n - 1 others: the video systems' public variant",
        (0.0, 1.0),
        "3 / (n + 2)",
    ),
    r"classified_\d+way_(frames|clip)(_of_top3)?": Definition(
        "as without _frames or _clip, frame by frame and the mean over frames, or by class scores "
        "averaged over a clip's frames; the classifier is one of pictures, not of clips",
        (0.0, 1.0),
        "1 / n; of_top3: 3 / (n + 2)",
    ),
    r"sample_spread": Definition(
        "mean squared distance, in the extractor's features, between the samples drawn of one "
        "item, divided by that between samples of different items; mean over items; says nothing "
        "of the truth",
        (0.0, math.inf),
        "1: samples of one item differ as those of different items do",
        "lower",
    ),
    r"distance_.+": Definition(
        "correlation distance, 1 - r, of the features of the picture shown and of the picture "
        "seen; 1 where undefined; mean over items",
        (0.0, 2.0),
        "the mean over all pairs of a scored and a shown picture",
        "lower",
    ),
    r"nrmse(_later)?": Definition(
        "error of the decoded kinematics, root mean square over bins and dimensions, over the root "
        "mean square of the true ones, on the tested segment (_later: on what follows it, by the "
        "same decoders); interval by whole blocks of neighbouring bins, p by shifts in time",
        (0.0, math.inf),
        "1: what decoding no motion at all reaches",
        "lower",
    ),
    r"angular_error(_later)?": Definition(
        "mean absolute angle between the decoded and the true velocity, rad; segments as of nrmse",
        (0.0, math.pi),
        "pi / 2",
        "lower",
    ),
    r"nrmse_gain(_later)?": Definition(
        "share by which nrmse is below that of the study's first baseline decoder, blocks "
        "resampled for both alike; segments as of nrmse",
        (-math.inf, 1.0),
        "0",
    ),
    r"retrieval_brain_top1": Definition(
        "share of items whose decoded embedding is, of all decoded ones (of 300 at random, mean "
        "of 30 draws, where there are more), the nearest to the embedding of the picture seen by "
        "cosine; ties share; no picture is drawn for it",
        (0.0, 1.0),
        "1 / number of decoded items",
    ),
}


def is_identification(metric: str) -> bool:
    """Whether a metric asks which one was seen, and not how alike two are."""
    return metric.startswith(("two_way_", "retrieval_", "accuracy_"))


def oracle_of(metric: str) -> str:
    """Return what a row of role ``oracle`` holds."""
    return _ORACLE[is_identification(metric)]


def define(metrics: Iterable[str]) -> dict[str, Definition]:
    """Return the definition of each metric, by name.

    Raises
    ------
    DataError
        Where a name has none.
    """
    found = {}
    for name in metrics:
        matches = [d for pattern, d in _KNOWN.items() if re.fullmatch(pattern, name)]
        if not matches:
            raise DataError(f"metric {name!r} is not defined; names are {', '.join(_KNOWN)}")
        found[name] = matches[0]
    return found


def collect(paths: Sequence[Path], out: Path) -> list[Path]:
    """Join score tables and write the dictionary of their metrics beside them.

    Parameters
    ----------
    paths : sequence of Path
        Score tables, ``.tsv``, or the sidecars that commit them.
    out : Path
        The joined table, ``.tsv``; the dictionary has the same stem and ends in ``.json``.

    Returns
    -------
    list of Path
        The table, the dictionary.

    Raises
    ------
    DataError
        Where there is no table, or one lacks a column.
    """
    if not paths:
        raise DataError(f"{out}: no score table to collect. Run stage evaluate first.")
    tables = [_read(path.with_suffix(".tsv")) for path in paths]
    whole = pd.concat(tables, ignore_index=True)
    names = sorted(whole["metric"].unique())
    words = {name: asdict(definition) for name, definition in define(names).items()}
    for name in sorted(whole["metric"][whole["role"] == "oracle"].unique()):
        words[name]["oracle"] = oracle_of(name)
    write_table(out, whole)
    write_text(out.with_suffix(".json"), json.dumps(words, indent=1, sort_keys=True) + "\n")
    return [out, out.with_suffix(".json")]


def _read(path: Path) -> pd.DataFrame:
    table = read_table(path, text=TEXT)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise DataError(
            f"{path}: column(s) {', '.join(missing)} missing; found "
            f"{', '.join(map(str, table.columns))}. Run stage evaluate again."
        )
    return table[list(COLUMNS)]
