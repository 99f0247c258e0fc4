"""The whole default cohort, from raw files to the report, on a real SLURM of one machine.

Eight people in the scanner and eight under the cap, written as BIDS; every file must be the one
that the local profile makes. `v_slurm` breaks and kills jobs of a small study.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from table import ROOT, Table, run
from v_slurm import QUICK_CHECKS, SCRIPTS, digests, snakemake
from whole_run import decoding_study, lay_out, neurodecode

SOURCES = (
    "benchmarks/v_slurm_cohort.py", "benchmarks/v_slurm.py", "benchmarks/whole_run.py",
    "workflows/slurm", "workflows/profiles/slurm", "config/studies/virtual-fmri.yaml",
    "config/studies/virtual-eeg.yaml",
)  # fmt: skip
STUDY = {"func": "virtual-fmri", "eeg": "virtual-eeg"}
ALPHA = 1000.0
"""One penalty: the claim is on files, not on scores."""


def studies(data: Path) -> list[dict[str, Any]]:
    """Decode both parts of the cohort; of fMRI the responses of one model a run."""
    made = []
    for datatype, name in STUDY.items():
        study = decoding_study(name, name, root=str(data / datatype))
        study["responses"].pop("library", None)
        study["systems"] = study["systems"][:1]
        study["decoders"]["ridge"]["alphas"] = [ALPHA]
        made.append(study)
    return made


def write(base: Path, n: int, sizes: list[str]) -> Path:
    """Write the cohort below a folder."""
    base.mkdir(exist_ok=True)
    for datatype in STUDY:
        neurodecode(base, "simulate-cohort", "--out", str(base / "data"), "--datatype", datatype,
                    "--subjects", str(n), "--jobs", "2", *sizes)  # fmt: skip
    return base / "data"


def environment(base: Path) -> dict[str, str]:
    """What both runs see; ``neurodecode`` is this repository's."""
    python = str(Path(sys.executable).parent)
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
            "PATH": os.pathsep.join([python, os.environ["PATH"]])}  # fmt: skip


def on_slurm(base: Path) -> dict[str, str]:
    """The same, with the cluster's commands in front."""
    env = environment(base)
    path = os.pathsep.join([str(base / "slurm" / "bin"), env["PATH"]])
    return {**env, "SLURM_CONF": str(base / "slurm" / "slurm.conf"), "PATH": path}


def planned(base: Path, folder: Path) -> Counter[str]:
    """Count the jobs of a run by rule."""
    done = snakemake(folder, "local", "--dry-run", "--quiet", "rules", env=environment(base))
    jobs = re.findall(r"^(\w+)\s+(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    return Counter({rule: int(n) for rule, n in jobs if rule not in ("total", "all")})


def compare(table: Table, base: Path, folders: tuple[Path, Path]) -> None:
    """Run on both and compare all files."""
    local, far = folders
    done = snakemake(local, "local", env=environment(base))
    table.add("local profile", f"ends with {done.returncode}", "", "ends with 0",
              done.returncode == 0)  # fmt: skip
    done = snakemake(far, "slurm", *QUICK_CHECKS, env=on_slurm(base))
    said = f"ends with {done.returncode}" + (done.stderr[-500:] if done.returncode else "")
    table.add("SLURM profile", said, "", "ends with 0", done.returncode == 0)
    ours, theirs = digests(far / "results"), digests(local / "results")
    same = sum(ours.get(name) == digest for name, digest in theirs.items())
    table.add("files of the cluster's run", f"{len(ours)}, {same} identical",
              f"local: {len(theirs)}", "all identical",
              bool(theirs) and ours == theirs)  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` writes one small person each and plans their jobs."""
    n, sizes = (1, ["--train", "48", "--test", "12"]) if quick else (8, [])
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        data = write(base, n, sizes)
        folders = base / "local", base / "far"
        for folder in folders:
            lay_out(folder, studies(data))
        jobs = planned(base, folders[0])
        wanted = {"targets": 2, "preprocess": 2 * n, "design": 2, "embed": 2, "evaluate": 2 * n,
                  "report": 1}  # fmt: skip
        table.add(f"jobs of {n} + {n} people", f"{jobs.total()}", "", f"{sum(wanted.values())}",
                  dict(jobs) == wanted)  # fmt: skip
        if quick:
            return
        started = subprocess.run([SCRIPTS / "start.sh", base / "slurm"], capture_output=True)
        try:
            table.add("SLURM", f"starts with {started.returncode}", "", "0",
                      started.returncode == 0)  # fmt: skip
            compare(table, base, folders)
        finally:
            subprocess.run([SCRIPTS / "stop.sh", base / "slurm"], capture_output=True)


if __name__ == "__main__":
    run("v_slurm_cohort", SOURCES, measure, __doc__ or "")
