"""``virtual-min``: instance-level reconstruction from simulated brains, over several worlds.

All 127 held-out pictures are shown, where the demo shows 50 to save time: intervals of 50 are wide.
Beside the study's systems stands the generator that starts from a decoded latent, with and without
the embedding.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import pandas as pd
import torch
from table import ROOT, WEIGHTS, Table, run

from neurodecode.artifacts import read_table
from neurodecode.config import StudyConfig, load_study
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, jobs_for_subject
from neurodecode.pipeline import run as run_job

SOURCES = (
    "benchmarks/a_virtual_min.py", "config/studies/virtual-min.yaml",
    "neurodecode/studies/virtual.py",
    *(f"neurodecode/simulate/{name}.py" for name in (
        "bold", "features", "fields", "glm", "hrf", "noise", "people", "responses", "trials",
        "tuning", "world",
    )),
    "neurodecode/embed/ridge.py", "neurodecode/reconstruct",
    "neurodecode/evaluate/tables.py", "neurodecode/stimuli/data", *WEIGHTS,
)  # fmt: skip
MAIN = "single-ridge-embedded"
STARTED = {"kind": "embedded", "start": "latent", "strength": 0.6}
GOALS = {"two_way_semantic": 0.85, "two_way_pixcorr": 0.80}


def scores_of(study: StudyConfig, seed: int) -> pd.DataFrame:
    """Run the whole study and return its scores."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder), study.name)
        parts = []
        for subject in Job("design", study, paths, seed).adapter.subjects():
            for job in jobs_for_subject(study, paths, seed, subject):
                run_job(job, reuse=True)
                if job.stage == "evaluate":
                    parts.append(read_table(job.sidecar.with_suffix(".tsv"), text=("subject",)))
        return pd.concat(parts).drop_duplicates()


def world(study: StudyConfig, seed: int, n_samples: int, **changes: int) -> StudyConfig:
    """Return the study in another world, decoded conditions only, with what starts from latents."""
    settings = study.model_dump()
    settings["data"] |= {"seed": seed, **changes}
    settings["reconstruct"]["n_samples"] = n_samples
    settings["targets"]["latent"] = {"kind": "latent", "weights": "embedded"}
    settings["decoders"]["ridge"]["targets"] = ["semantic", "pixels", "latent"]
    settings["generators"] |= {
        "started": STARTED, "started_alone": STARTED | {"null_embedding": True},
    }  # fmt: skip
    chain = {"responses": "single", "decoder": "ridge", "role": "baseline"}
    settings["systems"] = [
        system | {"sources": ["decoded"]}
        for system in (
            *settings["systems"],
            *(chain | {"generator": name} for name in ("started", "started_alone")),
        )
    ]
    return StudyConfig.model_validate(settings)


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` is one small world."""
    torch.set_num_threads(1)
    study = load_study("virtual-min", ROOT / "config" / "config.yaml")
    # Not among these seeds was the preset chosen.
    seeds = (3001,) if quick else (3001, 3002, 3003)
    n_samples, changes = 4, {"n_test": 127}
    if quick:
        n_samples, changes = 2, {"n_subjects": 1, "n_voxels": 600, "n_train": 150, "n_test": 20}
    for seed in seeds:
        scores = scores_of(world(study, seed, n_samples, **changes), seed=1)
        scores = scores[scores["source"] == "decoded"]
        for subject, part in scores.groupby("subject"):
            for metric, goal in GOALS.items():
                _row(
                    table, part[part["metric"] == metric], metric, goal, f"{seed}/{subject}", quick
                )


def _row(
    table: Table, part: pd.DataFrame, metric: str, goal: float, where: str, quick: bool
) -> None:
    mine = part[part["system"] == MAIN].iloc[0]
    stretched = part[part["system"].str.endswith("-linear_pixels_stretched")].iloc[0]
    apart = part["system"].str.endswith(
        ("-nearest", "-linear_pixels_stretched", "-started", "-started_alone")
    )
    others = part[(part["role"] == "baseline") & ~apart]
    best = others.loc[others["value"].idxmax()]
    near = part[part["system"].str.endswith("-nearest")].iloc[0]
    clear = mine["ci_low"] > best["ci_high"]
    reached = mine["value"] > best["value"] if quick else mine["value"] >= goal and clear
    table.add(
        f"{metric}, world {where}, N {mine['n']}",
        f"{mine['value']:.3f} ({mine['ci_low']:.3f} to {mine['ci_high']:.3f})",
        f"{best['system'].rpartition('-')[2]} {best['value']:.3f} (to {best['ci_high']:.3f}), "
        f"nearest {near['value']:.3f}",
        f">= {goal} and clear of baselines but nearest",
        bool(reached),
    )
    table.add(
        f"{metric}, world {where}, beside the linear ridge whose shrinkage is undone",
        f"{mine['value']:.3f} ({mine['ci_low']:.3f} to {mine['ci_high']:.3f})",
        f"{stretched['value']:.3f} ({stretched['ci_low']:.3f} to {stretched['ci_high']:.3f})",
        "clear of it",
        None if quick else bool(mine["ci_low"] > stretched["ci_high"]),
    )
    started, alone = (
        part[part["system"].str.endswith(end)].iloc[0] for end in ("-started", "-started_alone")
    )
    table.add(
        f"{metric}, world {where}, started from the decoded latent, strength {STARTED['strength']}",
        f"{started['value']:.3f} ({started['ci_low']:.3f} to {started['ci_high']:.3f})",
        f"null embedding {alone['value']:.3f} ({alone['ci_low']:.3f} to {alone['ci_high']:.3f})",
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run("a_virtual_min", SOURCES, measure, __doc__ or "")
