"""Simulated people through the whole pipeline: its plain ridge as a share of the oracle.

Eight people of two worlds, and a cohort of sixty with few voxels and pictures, end to end by
Snakemake on responses drawn without series. The oracle is asked about the same trials.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from table import WEIGHTS, Table, run
from v_fmri import Score, ask_oracle, draw
from whole_run import Spent, decoding_study, lay_out, snakemake, two_way

from neurodecode.simulate.oracle import share_of_oracle
from neurodecode.studies.virtual import Virtual

SOURCES = (
    "benchmarks/v_people.py", "benchmarks/v_fmri.py", "benchmarks/whole_run.py",
    "config/studies/virtual.yaml", "neurodecode/studies/virtual.py",
    *(f"neurodecode/simulate/{name}.py" for name in (
        "bold", "features", "fields", "glm", "hrf", "noise", "oracle", "people", "responses",
        "trials", "tuning", "world",
    )),
    "neurodecode/embed/ridge.py", "neurodecode/stimuli/data", *WEIGHTS[:1],
)  # fmt: skip
SHARE = 0.35
SMALL = {"n_train": 150, "n_test": 40, "train_repeats": 1, "test_repeats": 2, "n_voxels": 400}


def studies(quick: bool) -> dict[str, dict[str, Any]]:
    """What is run: name of the study -> its settings."""
    if quick:
        few = {"n_subjects": 1, "n_train": 150, "n_test": 30, "n_voxels": 500}
        return {"easy": decoding_study("easy", "virtual", preset="easy", **few)}
    worlds = {
        name: decoding_study(name.lower(), "virtual", preset=name)
        for name in ("realistic", "world-B")
    }
    return {**worlds, "sixty": decoding_study("sixty", "virtual", n_subjects=60, **SMALL)}


def known(study: dict[str, Any], n: int) -> list[Score]:
    """Score of the oracle that is not told the hidden features, on the same trials."""
    data = {key: value for key, value in study["data"].items() if key != "kind"}
    adapter = Virtual(**{"n_voxels": None, **data})
    world, stimuli = adapter.world, adapter.stimuli()
    features, people = draw(world, stimuli, n)
    test = features.rows(np.flatnonzero(stimuli.table["set"] == "test"))
    return [ask_oracle(world, person, test, hidden=False) for person in people]


def shares(table: Table, folder: Path, name: str, study: dict[str, Any], quick: bool) -> None:
    """Rows of one world."""
    n = int(study["data"]["n_subjects"])
    oracle = known(study, min(n, 8))
    for averaged, words in ((False, "single trial"), (True, "averaged")):
        found = two_way(folder, str(study["name"]), "single", averaged=averaged)
        best = np.array([s.averaged if averaged else s.single for s in oracle])
        share = share_of_oracle(found.mean(), best.mean(), 0.5)
        goal, holds = f">= {SHARE}", bool(share >= SHARE)
        if quick or name == "sixty":
            goal, holds = "above 0", bool(share > 0)
        table.add(f"{name}, {n} people: share of the oracle, two-way, {words}", f"{share:.2f}",
                  f"ridge {found.mean():.3f} ({found.min():.3f} to {found.max():.3f}), oracle "
                  f"without hidden features {best.mean():.4f} ({len(best)} people)", goal,
                  holds)  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` is one person of an easy world."""
    with tempfile.TemporaryDirectory() as place:
        for name, study in studies(quick).items():
            folder = Path(place) / name
            lay_out(folder, [study])
            spent: Spent = snakemake(folder)
            n = int(study["data"]["n_subjects"])
            table.add(f"{name}, {n} people: from responses to the report, CPU s",
                      f"{spent.cpu:.0f}", f"most memory of one job {spent.memory:.0f} MB",
                      "ends well", (folder / "results/report/index.html").exists())  # fmt: skip
            shares(table, folder, name, study, quick)


if __name__ == "__main__":
    run("v_people", SOURCES, measure, __doc__ or "")
