"""A results folder as the stages would leave it: a category study and a simulated picture study.

Written with the package's own artefact functions; the pictures are coloured shapes and the scores
are set by hand, so that what the page must say is known.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from neurodecode import registry
from neurodecode.artifacts import commit, save_reconstruction, write_table
from neurodecode.config import StudyConfig
from neurodecode.contracts import Reconstruction, Stimuli
from neurodecode.evaluate.ledger import query_of, write_query
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, wildcards_of
from neurodecode.preprocess.quality import save_quality

CATEGORIES = ("bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe")
CAPTIONS = ("red apple", "<script>alert('caption')</script>", 'a "quoted" & odd cat', "green car")
SIZE = 32
FACTS = pd.DataFrame({"fact": ["Trials used", "<b>odd</b>"], "value": ["24", "1 & 2"]})


def shape(hue: int, kind: int, size: int = SIZE) -> np.ndarray:
    """Draw a disc, box or ring on grey, uint8 (size, size, 3)."""
    y, x = np.mgrid[:size, :size] / (size - 1) * 2 - 1
    inside = [x**2 + y**2 < 0.5, np.maximum(abs(x), abs(y)) < 0.6, abs(np.hypot(x, y) - 0.55) < 0.2]
    picture = np.full((size, size, 3), 200, np.uint8)
    wheel = np.array([[0, 2, 4]]) + hue * 6 / 9
    colour = (np.clip(np.abs(np.mod(wheel, 6) - 3) - 1, 0, 1) * 200 + 30).astype(np.uint8)
    picture[inside[kind % 3]] = colour
    return picture


class FakeCategories:
    level, simulated = "category", False

    def __init__(self, folder: str) -> None: ...

    def subjects(self) -> tuple[str, ...]:
        return ("1",)

    def stimuli(self) -> Stimuli:
        rows, pixels = [], []
        for k, category in enumerate(CATEGORIES):
            for n in range(8):
                kind = "test" if n < 4 else "train"
                rows.append((f"{category}-{n}", f"a {category}", category, kind))
                pixels.append(shape(k, n))
        return _stimuli(rows, pixels)

    def about(self) -> Mapping[str, str]:
        return {
            "recorded": "fMRI of one person, one slice, 12 runs.",
            "seen": "Grey photographs of 8 kinds of object, in blocks of 24 s.",
            "limits": "One slice of one brain.",
            "licence": "CC BY-SA 3.0.",
        }


class FakeWorld:
    level, simulated = "stimulus", True

    def __init__(self, **settings: Any) -> None: ...

    def subjects(self) -> tuple[str, ...]:
        return ("01", "02")

    def stimuli(self) -> Stimuli:
        rows, pixels = [], []
        for n in range(30):
            kind = "test" if n < 12 else "train"
            rows.append((f"pic-{n:02d}", CAPTIONS[n % 4], "thing", kind))
            pixels.append(shape(n, n))
        return _stimuli(rows, pixels)

    def about(self) -> Mapping[str, str]:
        return {"recorded": "A program.", "seen": "Shapes.", "limits": "Not <b>a brain</b>."}


def _stimuli(rows: list[tuple[str, ...]], pixels: list[np.ndarray]) -> Stimuli:
    table = pd.DataFrame(rows, columns=["id", "caption", "category", "set"])
    return Stimuli(table, np.stack(pixels))


SECTIONS: dict[str, Any] = {
    "targets": {
        "semantic": {"kind": "openclip"},
        "pixels": {"kind": "pixels", "size": 32},
    },
    "decoders": {
        "ridge": {"kind": "ridge", "targets": ["semantic", "pixels"]},
        "lda": {"kind": "shrinkage_lda", "targets": ["semantic"]},
    },
    "generators": {
        "diffusion": {"kind": "embedded"},
        "nearest": {"kind": "retrieval"},
        "linear_pixels": {"kind": "linear_pixels"},
        "mean_picture": {"kind": "mean_picture"},
    },
    "evaluate": {},
}


def category_study() -> StudyConfig:
    baseline = {"role": "baseline", "sources": ["decoded"], "decoder": "ridge"}
    return StudyConfig.model_validate(
        {
            **SECTIONS,
            "name": "haxby2001",
            "title": "Object categories in ventral temporal cortex",
            "data": {"kind": "haxby2001"},
            "responses": {
                "blocks": {"kind": "blocks"},
                "blocks_causal": {"kind": "blocks", "baseline": "preceding_rest"},
                "position": {"kind": "block_position"},
            },
            "design": {"split": {"kind": "leave_one_out"}, "group": "run"},
            "reconstruct": {"unit": "trial"},
            "systems": [
                {"responses": "blocks", "decoder": "ridge", "generator": "diffusion"},
                {"responses": "blocks_causal", "decoder": "ridge", "generator": "diffusion",
                 "sources": ["decoded"]},
                {"responses": "position", "generator": "nearest", **baseline},
                {"responses": "blocks", "generator": "nearest", **baseline},
                {"responses": "blocks", "generator": "linear_pixels", **baseline},
                {"responses": "blocks", "generator": "mean_picture", **baseline},
            ],
        }
    )  # fmt: skip


def picture_study() -> StudyConfig:
    baseline = {"role": "baseline", "sources": ["decoded"], "decoder": "ridge"}
    return StudyConfig.model_validate(
        {
            **SECTIONS,
            "name": "virtual-min",
            "title": "Two simulated subjects",
            "data": {"kind": "virtual"},
            "responses": {"given": {"kind": "as_given"}},
            "design": {"split": {"kind": "stimulus_set"}, "group": "stimulus"},
            "reconstruct": {"unit": "stimulus"},
            "systems": [
                {"responses": "given", "decoder": "ridge", "generator": "diffusion"},
                {"responses": "given", "generator": "nearest", **baseline},
                {"responses": "given", "generator": "linear_pixels", **baseline},
                {"responses": "given", "generator": "mean_picture", **baseline},
            ],
        }
    )


def use_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the studies' kinds mean the fakes above."""
    module = types.ModuleType("fake_studies")
    module.__dict__.update(Haxby=FakeCategories, World=FakeWorld)
    monkeypatch.setitem(sys.modules, "fake_studies", module)
    monkeypatch.setitem(registry.BUILT_IN["study"], "haxby2001", "fake_studies:Haxby")
    monkeypatch.setitem(registry.BUILT_IN["study"], "virtual", "fake_studies:World")


def _items(study: StudyConfig, subject: str, stimuli: Stimuli) -> pd.DataFrame:
    if study.reconstruct.unit == "trial":
        rows = [
            (f"r{run:02d}-{k}", "", category, str(run))
            for run in range(1, 4)
            for k, category in enumerate(CATEGORIES)
        ]
    else:
        tested = stimuli.table[stimuli.table["set"] == "test"]
        rows = [(i, i, "thing", "test") for i in tested["id"]]
    table = pd.DataFrame(rows, columns=["item", "stimulus", "category", "fold"])
    return table.assign(participant_id=subject, run=1, n_trials=1)


def _draw(study: StudyConfig, job: Job, table: pd.DataFrame, stimuli: Stimuli) -> np.ndarray:
    """Truth blurred by a noise that depends on the source."""
    generator = study.system(job.wildcards["system"]).generator
    train = stimuli.pixels[(stimuli.table["set"] == "train").to_numpy()]
    if generator == "mean_picture":
        return np.repeat(train.mean(axis=0).astype(np.uint8)[None], len(table), axis=0)
    rng = np.random.default_rng(len(job.sidecar.as_posix().rsplit("results", 1)[-1]))
    if generator == "nearest":
        return train[rng.integers(len(train), size=len(table))]
    key = "category" if study.reconstruct.unit == "trial" else "id"
    name = "category" if key == "category" else "stimulus"
    wanted = [np.flatnonzero(stimuli.table[key] == v)[0] for v in table[name]]
    if job.wildcards["source"] == "permuted":
        wanted = wanted[::-1]
    noise = {"true": 8, "mean": 90}.get(job.wildcards["source"], 30)
    pictures = stimuli.pixels[wanted] + rng.normal(0, noise, (len(table), SIZE, SIZE, 3))
    return pictures.clip(0, 255).astype(np.uint8)


def value_of(study: StudyConfig, system: str, source: str) -> float:
    """The score that each row of the fake tables holds."""
    spec = study.system(system)
    if source == "true":
        return 0.97
    if source in ("permuted", "mean") or spec.generator == "mean_picture":
        return 0.5
    if spec.responses == "position":
        return 0.6
    return {"diffusion": 0.9, "nearest": 0.88, "linear_pixels": 0.7}[spec.generator]


def metrics_of(study: StudyConfig) -> dict[str, tuple[float, str]]:
    """Metric -> chance and extractor."""
    if study.reconstruct.unit == "trial":
        return {
            "accuracy_8way": (0.125, "none"),
            "category_identification": (0.5, "independent-1a2b"),
            "two_way_pixcorr": (0.5, "pixels"),
        }
    return {
        "two_way_semantic": (0.5, "openclip-3c4d"),
        "two_way_independent": (0.5, "independent-1a2b"),
        "two_way_pixcorr": (0.5, "pixels"),
        "ssim": (float("nan"), "pixels"),
    }


def score_rows(study: StudyConfig, job: Job, n: int) -> pd.DataFrame:
    rows = []
    drawn = [(system, source) for system in study.systems for source in system.sources]
    for spec, source in drawn:
        for metric, (chance, extractor) in metrics_of(study).items():
            value = value_of(study, spec.name, source)
            if metric == "accuracy_8way":
                value = max(0.125, value - 0.05) if value > 0.6 else 0.125
            role = {"true": "ceiling", "permuted": "baseline", "mean": "baseline"}
            rows.append(
                {
                    "study": study.name, "subject": job.wildcards["subject"],
                    "system": spec.name, "role": role.get(source, spec.role), "source": source,
                    "metric": metric, "extractor": extractor, "value": value,
                    "ci_low": value - 0.06, "ci_high": min(value + 0.06, 1), "chance": chance,
                    "n": n, "p": 0.0001 if value > 0.6 else 0.5,
                    "q": 0.0002 if value > 0.6 else 0.5, "p_refit": float("nan"),
                    "oracle_share": float("nan"),
                    "resolution": "its own",
                    "averaging": "single trial",
                    "split": "leave one run out (3 folds)",
                    "selection": "agreement with the decoded embedding, of 4 samples",
                    "transductive": spec.responses == "blocks", "seed": job.seed,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def ceilings(study: StudyConfig) -> pd.DataFrame:
    """Noise ceilings where stimuli are known."""
    columns = ["responses", "method", "n_stimuli", "n_repeats", "n_units", "median", "low", "high"]
    rows = [["given", "variance_components", 12, 2, 900, 0.33, 0.15, 0.47]]
    return pd.DataFrame(rows if study.name == "virtual-min" else [], columns=columns)


def write_results(study: StudyConfig, results: Path, seed: int = 1) -> None:
    """Write the artefacts of one study that the report reads."""
    paths = Paths(results, study.name)
    adapter = registry.make("study", study.data)
    stimuli, subjects = adapter.stimuli(), adapter.subjects()
    design = Job("design", study, paths, seed)
    split = "leave one run out (3 folds)"
    commit(design.sidecar, "design", settings="d0", seed=seed, inputs={}, files=[],
           facts={"split": split})  # fmt: skip
    for wildcards in wildcards_of("preprocess", study, subjects):
        job = Job("preprocess", study, paths, seed, wildcards)
        files = save_quality(job.sidecar, {"facts": FACTS})
        commit(job.sidecar, "preprocess", settings="p1", seed=seed, inputs={}, files=files)
    for wildcards in wildcards_of("reconstruct", study, subjects):
        job = Job("reconstruct", study, paths, seed, wildcards)
        table = _items(study, wildcards["subject"], stimuli)
        samples = _draw(study, job, table, stimuli)[:, None]
        drawn = Reconstruction(table, samples, np.zeros(len(table), np.int64))
        files = save_reconstruction(job.sidecar, drawn)
        commit(job.sidecar, "reconstruct", settings="r1", seed=seed, inputs={}, files=files)
    for wildcards in wildcards_of("evaluate", study, subjects):
        job = Job("evaluate", study, paths, seed, wildcards)
        table = _items(study, wildcards["subject"], stimuli)
        write_table(job.sidecar.with_suffix(".tsv"), score_rows(study, job, len(table)))
        ladder = np.linspace(0.2, 1, len(table))
        items = [
            (spec.name, item, source, metric, value)
            for spec in study.systems
            for source in spec.sources
            for metric in metrics_of(study)
            for item, value in zip(table["item"], ladder, strict=True)
        ]
        frame = pd.DataFrame(items, columns=["system", "item", "source", "metric", "value"])
        write_table(job.sidecar.with_name(f"{job.sidecar.stem}_items.tsv"), frame)
        write_table(job.sidecar.with_name(f"{job.sidecar.stem}_noise_ceiling.tsv"), ceilings(study))
        write_query(paths.ledger(wildcards["subject"]), query_of("e2", seed, {}))
        commit(job.sidecar, "evaluate", settings="e2", seed=seed, inputs={}, files=[])


def with_scores(material: Any, **changes: Any) -> Any:
    """The same material with every score of the main system's decoded pictures changed."""
    scores = tuple(
        replace(s, **changes) if (s.system, s.source) == (material.main, "decoded") else s
        for s in material.scores
    )
    return replace(material, scores=scores)
