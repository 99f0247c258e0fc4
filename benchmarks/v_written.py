"""The whole default cohort, written as BIDS and preprocessed: what it costs, what is left of it.

Seconds of the clock are those of two jobs at once and mean something on a quiet machine of two
cores; CPU seconds do anywhere. Decoding is the pipeline's ridge with one penalty, three people.
"""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from table import WEIGHTS, Table, run
from whole_run import Spent, decoding_study, lay_out, neurodecode, snakemake, two_way

SOURCES = (
    "benchmarks/v_written.py", "benchmarks/whole_run.py",
    "benchmarks/v_people.py", "config/studies/virtual.yaml", "config/studies/virtual-fmri.yaml",
    "config/studies/virtual-eeg.yaml",
    *(f"neurodecode/simulate/{name}.py" for name in (
        "bids", "bids_eeg", "bids_fmri", "bold", "eeg", "eeg_features", "eeg_noise", "eeg_world",
        "features", "fields", "hrf", "noise", "people", "trials", "tuning", "world", "written",
    )),
    "neurodecode/preprocess/eeg.py", "neurodecode/preprocess/glm.py",
    "neurodecode/preprocess/glm_library.py", "neurodecode/preprocess/noise_regressors.py",
    "neurodecode/preprocess/runs.py", "neurodecode/studies/bids.py",
    "neurodecode/studies/bids_bold.py", "neurodecode/studies/bids_runs.py",
    "neurodecode/studies/bids_eeg.py", "neurodecode/stimuli/data", *WEIGHTS[:1],
)  # fmt: skip
MINUTES = 6.0
ALPHA = 1000.0
STUDY = {"func": "virtual-fmri", "eeg": "virtual-eeg"}
# What of each study is preprocessed within the six minutes.
FIRST = {"func": "lsa", "eeg": "epochs"}
WORDS = {"func": "fMRI", "eeg": "EEG"}


def write(folder: Path, out: str, datatype: str, n: int, sizes: list[str]) -> Spent:
    """Write a cohort below a folder, two people at once."""
    return neurodecode(folder, "simulate-cohort", "--out", out, "--datatype", datatype,
                       "--subjects", str(n), "--jobs", "2", *sizes)  # fmt: skip


def preprocess(folder: Path, datatype: str, responses: str, n: int) -> list[Spent]:
    """Preprocess people, two at once, each by the call that the pipeline's rule makes."""

    def one(k: int) -> Spent:
        here = folder / f"at-{datatype}-{k}"
        here.mkdir(exist_ok=True)
        return neurodecode(
            here, "stage", "preprocess", "--study", STUDY[datatype], "--responses", responses,
            "--subject", f"{k + 1:02d}", "--config", str(folder / "config/config.yaml"),
            "--out", str(folder / "results"),
        )  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, range(n)))


def cost(table: Table, folder: Path, sizes: list[str], quick: bool) -> None:
    """Time and memory."""
    few, many = (2, 2) if quick else (2, 8)
    cpu = wall = 0.0
    for datatype, name in WORDS.items():
        written = write(folder, "data/virtual-cohort", datatype, many, sizes)
        begin = time.monotonic()
        made = preprocess(folder, datatype, FIRST[datatype], many)
        wall += written.wall + time.monotonic() - begin
        memory = max(spent.memory for spent in made)
        if not quick:
            less = write(folder, "few", datatype, few, sizes)
            grown = written.memory / less.memory - 1
            table.add(f"{name}: most memory of a process, {many} people written (MB)",
                      f"{written.memory:.0f}", f"{few} people {less.memory:.0f}",
                      "<= 5 % more", bool(grown <= 0.05))  # fmt: skip
        table.add(f"{name}: written, CPU s of {many} people", f"{written.cpu:.0f}",
                  f"{written.wall:.0f} s on the clock")  # fmt: skip
        table.add(f"{name}: preprocessed ({FIRST[datatype]}), CPU s of {many} people",
                  f"{sum(s.cpu for s in made):.0f}",
                  f"most memory of one {memory:.0f} MB")  # fmt: skip
        cpu += written.cpu + sum(s.cpu for s in made)
    load = os.getloadavg()[0]
    table.add(f"{many} + {many} people written and preprocessed, CPU s", f"{cpu:.0f}",
              f"two cores for {MINUTES:g} minutes: {2 * 60 * MINUTES:.0f}",
              f"<= {2 * 60 * MINUTES:.0f}", bool(cpu <= 2 * 60 * MINUTES))  # fmt: skip
    table.add("the same on the clock, two jobs, s", f"{wall:.0f}",
              f"load of the machine {load:.1f}", f"<= {60 * MINUTES:.0f}",
              None if quick else bool(wall <= 60 * MINUTES))  # fmt: skip


def decoding(table: Table, folder: Path, people: list[str]) -> None:
    """Decode from the files, and from responses that were drawn without series."""
    # Only now: a command's most memory counts that of the process that starts it.
    from v_people import known

    from neurodecode.simulate.oracle import share_of_oracle

    studies = [decoding_study("virtual", "virtual", n_subjects=len(people))]
    for datatype, name in STUDY.items():
        root = str(folder / "data/virtual-cohort" / datatype)
        studies.append(decoding_study(name, name, root=root, subjects=people))
    for study in studies:
        # One penalty for all: what is compared are responses, not the choices of a grid.
        study["decoders"]["ridge"]["alphas"] = [ALPHA]
    here = folder / "decoding"
    lay_out(here, studies)
    snakemake(here, "--until", "embed")
    oracle = known(studies[0], len(people))
    for averaged, words in ((False, "single trial"), (True, "four averaged")):
        law = two_way(here, "virtual", "single", averaged=averaged)
        most = float(np.mean([s.averaged if averaged else s.single for s in oracle]))
        for responses in ("lsa", "library"):
            found = two_way(here, "virtual-fmri", responses, averaged=averaged)
            same = responses == "lsa"
            table.add(f"fMRI, two-way of 100, {words}, from files by {responses}",
                      f"{found.mean():.3f} ({found.min():.3f} to {found.max():.3f})",
                      f"responses drawn by the law of lsa {law.mean():.3f}, their oracle "
                      f"{most:.4f}; share {share_of_oracle(found.mean(), most, 0.5):.2f}",
                      "within .05 of it" if same else "",
                      bool(abs(found.mean() - law.mean()) <= 0.05) if same else None)  # fmt: skip
        found = two_way(here, "virtual-eeg", "epochs", averaged=averaged)
        table.add(f"EEG, two-way of 100, {words}, from files by epochs",
                  f"{found.mean():.3f} ({found.min():.3f} to {found.max():.3f})",
                  "chance .5")  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` writes two people and 30 pictures and decodes nothing."""
    sizes = ["--train", "24", "--test", "6"] if quick else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder, [decoding_study(s, s, root=str(folder / "data/virtual-cohort" / d))
                         for d, s in STUDY.items()])  # fmt: skip
        cost(table, folder, sizes, quick)
        if not quick:
            decoding(table, folder, ["01", "02", "03"])


if __name__ == "__main__":
    run("v_written", SOURCES, measure, __doc__ or "")
