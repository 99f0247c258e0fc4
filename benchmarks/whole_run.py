"""What benchmarks of whole runs share: studies laid out in a folder, commands, what they cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from table import ROOT

from neurodecode.artifacts import load_conditions, load_targets
from neurodecode.evaluate.tables import correlations, wins
from neurodecode.evaluate.truth import common_part
from neurodecode.paths import Paths

PYTHON = Path(sys.executable).parent
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spent:
    """Cost of a command and all that it started: seconds of CPU, of the clock, most memory (MB)."""

    cpu: float
    wall: float
    memory: float


def decoding_study(name: str, shipped: str, **data: Any) -> dict[str, Any]:
    """Return a shipped study that decodes with its ridge and draws nothing.

    Parameters
    ----------
    name : str
        Of the new study.
    shipped : str
        File in ``config/studies``.
    **data
        Keys of its ``data`` section.
    """
    study: dict[str, Any] = yaml.safe_load((ROOT / f"config/studies/{shipped}.yaml").read_text())
    study["name"] = name
    study["data"] |= data
    study["generators"] = {}
    study["evaluate"] |= {"n_bootstrap": 200, "n_permutations": 500}
    study["targets"] = {"semantic": study["targets"]["semantic"]}
    study["decoders"]["ridge"]["targets"] = ["semantic"]
    study["systems"] = [{"responses": one, "decoder": "ridge"} for one in study["responses"]]
    return study


def lay_out(folder: Path, studies: Sequence[Mapping[str, Any]]) -> None:
    """Write the configuration of a run and link the rules."""
    (folder / "config" / "studies").mkdir(parents=True, exist_ok=True)
    for study in studies:
        text = yaml.safe_dump(dict(study), sort_keys=False)
        (folder / f"config/studies/{study['name']}.yaml").write_text(text)
    config = {"studies": [str(study["name"]) for study in studies], "seed": 1}
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    for name in ("Snakefile", "workflows", "environment.yml"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)


def spend(folder: Path, *command: str) -> Spent:
    """Run a command in a folder; raises where it fails."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
           "PATH": os.pathsep.join([str(PYTHON), os.environ["PATH"]])}  # fmt: skip
    begin = time.monotonic()
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(folder / 'log.txt').read_text()[-3000:]}")
    cpu = used.ru_utime + used.ru_stime
    return Spent(cpu, time.monotonic() - begin, used.ru_maxrss / 1024)


def neurodecode(folder: Path, *words: str) -> Spent:
    """Run one of the package's commands."""
    return spend(folder, str(PYTHON / "neurodecode"), *words)


def snakemake(folder: Path, *words: str) -> Spent:
    """Run the pipeline on two cores."""
    return spend(folder, sys.executable, "-m", "snakemake", "--profile", "workflows/profiles/local",
                 "--cores", "2", *words)  # fmt: skip


def two_way(folder: Path, study: str, responses: str, *, averaged: bool) -> Array:
    """Two-way identification of the test pictures by the decoded embedding, one value a person.

    Single trials, or decoded features averaged over the trials of a picture, as the scores are.
    """
    paths = Paths(folder / "results", study)
    targets = load_targets(paths.targets("semantic"))
    found = []
    for path in sorted(paths.conditions(f"{responses}-ridge", "01").parent.glob("sub-??.json")):
        decoded = load_conditions(path)
        shown = decoded.table["stimulus"].astype(str).to_numpy()
        ids, row = np.unique(shown, return_inverse=True)
        real = targets.values[[targets.ids.index(name) for name in ids]]
        values = decoded.arrays["semantic"]
        if averaged:
            values = np.stack([values[row == k].mean(axis=0) for k in range(len(ids))])
            row = np.arange(len(ids))
        mean = common_part(targets, ids)
        table = wins(correlations(real - mean, values - mean))
        found.append(float(table[row, np.arange(len(row))].mean()))
    return np.array(found)
