"""Names of the metrics and what they say, in plain words; exactly: ``evaluate.dictionary``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from neurodecode.errors import DataError
from neurodecode.evaluate.dictionary import define

__all__ = ["Entry", "describe"]


@dataclass(frozen=True)
class Entry:
    """What a metric is called, what it says in plain words and exactly, which way is better."""

    name: str
    definition: str
    lower_is_better: bool = False
    exact: str = ""


_EXTRACTORS = {
    "semantic": "the semantic embedding, which the decoder also aims at: flattering",
    "independent": "an extractor that had no part in decoding or drawing",
    "pixcorr": "raw pixels",
    "pixels": "raw pixels",
    "hog": "edges and colours (HOG and a colour histogram)",
    "hog_colour": "edges and colours (HOG and a colour histogram)",
    "hog_color": "edges and colours (HOG and a colour histogram)",
}

_FIXED = {
    "pixcorr": Entry("Pixel correlation", "Pearson correlation of the pixels of the picture drawn "
                     "and the picture seen; mean over items. Blurs score high."),
    "ssim": Entry("Structural similarity (SSIM)", "Local likeness of brightness, contrast and "
                  "structure on grey pictures, 1 at most. Blurs score high."),
    "sample_spread": Entry("Spread of the samples", "How much the samples drawn from one decoded "
                           "response differ, as a share of how much those of different responses "
                           "do. At 1 the generator draws what it likes."),
    "two_way_motion": Entry("Two-way identification (motion)", "How often the motion of a clip "
                            "drawn is more like that of the clip seen than like that of another "
                            "clip shown, by the flow that the decoder also aims at. What stands "
                            "still gets exactly 0.5."),
    "two_way_reversed": Entry("Forwards or backwards", "How often a clip drawn moves more like the "
                              "clip seen than like the same clip run backwards, which has the same "
                              "frames: only motion tells them. What stands still gets 0.5."),
    "retrieval_two_way_motion": Entry("Two-way identification by decoded motion", "How often the "
                                      "decoded motion is more like that of the clip seen than like "
                                      "that of another. No clip is drawn for it."),
    "retrieval_reversed": Entry("Forwards or backwards, by decoded motion", "How often the decoded "
                                "motion is more like that of the clip seen than like that of the "
                                "same clip run backwards. No clip is drawn for it."),
    "motion_epe": Entry("Error of motion (end-point error)", "How far the motion of the clip drawn "
                        "is from that of the clip seen. What stands still does well where little "
                        "moves."),
    "frame_ssim": Entry("Structural similarity of frames (RGB)", "Local likeness of brightness, "
                        "contrast and structure, colours apart. Blurs and stills score high."),
    "frame_psnr": Entry("Signal to noise of frames (PSNR)", "How small the error of pixels is, in "
                        "dB. Blurs and stills score high."),
    "clip_pcc": Entry("Smoothness of clips (CLIP-pcc)", "How alike neighbouring frames are; 1 for "
                      "what stands still. It says nothing of what was seen; as chance stands the "
                      "value of the clips seen."),
}  # fmt: skip


def describe(metric: str) -> Entry:
    """Return the entry of a metric's name; ``name:extractor`` is the name by one extractor."""
    entry = _plain(metric)
    try:
        exact = define([metric.partition(":")[0]])[metric.partition(":")[0]]
    except DataError:  # a plugin's metric: what the name says is all that is known
        return replace(entry, exact=entry.definition)
    return replace(entry, exact=exact.definition, lower_is_better=exact.better == "lower")


def _plain(metric: str) -> Entry:
    if metric in _FIXED:
        return _FIXED[metric]
    if match := re.fullmatch(r"(.+)_(within|across)_(category|categories|clusters?)", metric):
        inner = _plain(match[1])
        group = "category" if match[3].startswith("categor") else "cluster"
        if match[2] == "within":
            return Entry(
                f"{inner.name}, within the {group}",
                f"{inner.definition} Distractors are of the same {group} only.",
            )
        return Entry(
            f"{inner.name}, across {match[3]}",
            f"{inner.definition} Distractors are of other {match[3]} only.",
        )
    if match := re.fullmatch(r"accuracy_(\d+)way(?:_top(\d+))?", metric):
        return Entry(
            f"{match[1]}-way accuracy" + (f", top {match[2]}" if match[2] else ""),
            f"Share of trials whose decoded category, out of {match[1]}, is the true one.",
        )
    if match := re.fullmatch(r"category_(identification|top1)(?::(.+))?", metric):
        by = f" ({_short(match[2])})" if match[2] else ""
        if match[1] == "top1":
            return Entry(
                f"Category, top 1{by}",
                "Share of drawn pictures that are more like the scored pictures of the category "
                "that was seen than like those of any other.",
            )
        return Entry(
            f"Category identification{by}",
            "How often a drawn picture is more like the scored pictures of the category that was "
            "seen than like those of another category. 1 is perfect, 0.5 chance.",
        )
    if match := re.fullmatch(r"two_way_(frames|clip)_(.+)", metric):
        level = {"frames": "frame by frame", "clip": "mean of frames"}[match[1]]
        return Entry(
            f"Two-way identification of clips ({_short(match[2])}, {level})",
            "How often a clip drawn is more like the clip that was seen than like another of the "
            f"clips shown, compared by {_by(match[2])}. 1 is perfect, 0.5 chance.",
        )
    if match := re.fullmatch(r"two_way_(.+)", metric):
        return Entry(
            f"Two-way identification ({_short(match[1])})",
            "How often a drawn picture is more like the picture that was seen than like another "
            f"of the pictures shown, compared by {_by(match[1])}. 1 is perfect, 0.5 chance.",
        )
    if metric == "retrieval_two_way":
        return Entry(
            "Two-way identification by decoded features",
            "How often the decoded features are more like those of the stimulus that was seen "
            "than like those of another. 1 is perfect, 0.5 chance. No picture is drawn for it.",
        )
    if metric == "retrieval_brain_top1":
        return Entry(
            "Retrieval of the brain response, top 1",
            "Share of items whose decoded embedding is, of all decoded ones, the nearest to the "
            "picture that was seen. No picture is drawn for it.",
        )
    if match := re.fullmatch(r"retrieval(?:_(.+?))?_top(\d+)", metric):
        which = f" ({match[1].replace('_', ' ')})" if match[1] else ""
        return Entry(
            f"Retrieval, top {match[2]}{which}",
            "Share of items where the picture that was seen is the nearest, or among the "
            f"{match[2]} nearest, of all scored pictures to the decoded embedding. No picture is "
            "drawn for it.",
        )
    if match := re.fullmatch(r"classified_(\d+)way(_of_top3)?", metric):
        lenient = match[2] is not None
        return Entry(
            f"{match[1]}-way classification" + (", lenient (any of three)" if lenient else ""),
            "How often a classifier takes the picture drawn for its own class of the picture that "
            f"was seen, against {int(match[1]) - 1} random other classes."
            + (" Any of its three best classes counts, which flatters." if lenient else ""),
        )
    if match := re.fullmatch(r"classified_(\d+)way_(frames|clip)(_of_top3)?", metric):
        inner = _plain(f"classified_{match[1]}way{match[3] or ''}")
        level = {"frames": "each frame", "clip": "frames averaged"}[match[2]]
        return Entry(f"{inner.name}, {level}", inner.definition)
    if match := re.fullmatch(r"distance_(.+)", metric):
        return Entry(
            f"Feature distance ({match[1].replace('_', ' ')})",
            "Correlation distance of features of the picture drawn and the picture seen.",
            lower_is_better=True,
        )
    return Entry(metric.replace("_", " "), "See the study's score dictionary.")


def _short(name: str) -> str:
    known = {"pixcorr": "pixels", "independent": "independent extractor"}
    return known.get(name, name.replace("_", " "))


def _by(name: str) -> str:
    return _EXTRACTORS.get(name, name.replace("_", " "))
