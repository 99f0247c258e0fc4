"""Masking and cleaning of runs: against the bare nilearn calls, and memory against their number."""

from __future__ import annotations

import json
import multiprocessing
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from table import Table, run

SOURCES = (
    "benchmarks/b_runs.py", "neurodecode/studies/bids_bold.py",
    "neurodecode/studies/bids_runs.py", "neurodecode/studies/volumes.py",
    "neurodecode/preprocess/runs.py", "neurodecode/preprocess/blocks.py",
    "neurodecode/preprocess/glm.py", "neurodecode/preprocess/glm_library.py",
    "neurodecode/preprocess/noise_regressors.py",
)  # fmt: skip
GRID, TR, HIGH_PASS = (64, 64, 36), 2.0, 1 / 128
NAME = "sub-01_task-pictures_run-{:02d}_bold"
N_EVENTS = 40


def write(root: Path, n_volumes: int, n_files: int, n_runs: int) -> None:
    """Write a data set whose runs are links to ``n_files`` images of noise on a brain."""
    func = root / "sub-01" / "func"
    func.mkdir(parents=True)
    rng = np.random.default_rng(0)
    axes = [np.linspace(-1, 1, n) for n in GRID]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    brain = x**2 + y**2 + z**2 < 0.8
    for name, mask in (("mask", brain), ("core", x**2 + y**2 + z**2 < 0.2)):
        image = nib.Nifti1Image(mask.astype(np.uint8), np.diag([3.0, 3, 3, 1]))
        nib.save(image, root / f"{name}.nii.gz")
    (root / "dataset_description.json").write_text('{"Name": "noise", "BIDSVersion": "1.9.0"}')
    (root / "task-pictures_bold.json").write_text(json.dumps({"RepetitionTime": TR}))
    spacing = (n_volumes * TR - 20) / N_EVENTS
    rows = [f"{4 + spacing * k:.2f}\t2\tkind{k % 4}" for k in range(N_EVENTS)]
    for k in range(n_runs):
        file = func / f"{NAME.format(k + 1)}.nii.gz"
        if k < n_files:
            values = np.zeros((*GRID, n_volumes), np.int16, order="F")
            values[brain] = rng.normal(1000, 30, (int(brain.sum()), n_volumes))
            image = nib.Nifti1Image(values, np.diag([3.0, 3, 3, 1]))
            image.header.set_zooms((3, 3, 3, TR))
            image.header.set_xyzt_units("mm", "sec")
            nib.save(image, file)
        else:
            file.hardlink_to(func / f"{NAME.format(k % n_files + 1)}.nii.gz")
        events = func / f"{NAME.format(k + 1).replace('_bold', '_events')}.tsv"
        events.write_text("\n".join(["onset\tduration\ttrial_type", *rows]) + "\n")


def read(root: Path, mask: str = "mask") -> Any:
    """Our recording."""
    from neurodecode.studies.bids import Bids
    from neurodecode.studies.settings import BidsSettings

    settings = BidsSettings.model_validate(
        {"kind": "bids", "root": str(root), "task": "pictures", "mask": f"{mask}.nii.gz",
         "stimulus_column": None, "stimuli": None}
    )  # fmt: skip
    return Bids(**settings.model_dump(exclude={"kind"})).load("01")


def ours_high_pass(root: Path) -> float:
    """Mask, then project out slow cosines, as every GLM here begins."""
    from neurodecode.preprocess.runs import prepared_runs

    return sum(
        float(np.abs(r.signal).mean()) for r in prepared_runs(read(root), HIGH_PASS, percent=False)
    )


def nilearn_high_pass(root: Path) -> float:
    """Do the same by ``apply_mask`` and ``clean``."""
    from nilearn.masking import apply_mask
    from nilearn.signal import clean

    total = 0.0
    for file in sorted((root / "sub-01" / "func").glob("*.nii.gz")):
        masked = apply_mask(str(file), str(root / "mask.nii.gz"))
        cleaned = clean(masked, detrend=False, standardize=None, filter="cosine",
                        high_pass=HIGH_PASS, t_r=TR)  # fmt: skip
        cleaned -= cleaned.mean(axis=0)
        total += float(np.abs(cleaned).mean())
    return total


def ours_z_scored(root: Path) -> float:
    """Mask, detrend, z-score; then the mean of each block's volumes."""
    from neurodecode.preprocess.blocks import Blocks

    return float(np.abs(Blocks("run", 0.0, None).estimate(read(root)).data).mean())


def nilearn_z_scored(root: Path) -> float:
    """The same by nilearn's calls, one run after the other."""
    from nilearn.masking import apply_mask
    from nilearn.signal import clean

    found = []
    for file in sorted((root / "sub-01" / "func").glob("*.nii.gz")):
        masked = apply_mask(str(file), str(root / "mask.nii.gz"))
        cleaned = clean(masked, detrend=True, standardize="zscore_sample", t_r=TR)
        table = np.genfromtxt(str(file).replace("_bold.nii.gz", "_events.tsv"), skip_header=1)
        for onset in table[:, 0]:
            found.append(cleaned[int(np.ceil(onset / TR - 0.5))])
    return float(np.abs(np.array(found)).mean())


def ours_betas(root: Path) -> float:
    """One beta a trial (LSS)."""
    from neurodecode.preprocess.glm import Glm

    betas = Glm(method="lss", hrf="glover", high_pass=HIGH_PASS, percent=True).estimate(read(root))
    return float(np.abs(betas.data).mean())


def library_betas(root: Path) -> float:
    """One beta a trial by the response library with noise regressors, in an eighth of the brain."""
    from neurodecode.preprocess.glm_library import GlmLibrary

    library = GlmLibrary(HIGH_PASS, percent=True, max_noise_regressors=10)
    return float(np.abs(library.estimate(read(root, "core")).data).mean())


def _child(job: Callable[[Path], float], root: Path, answer: Any) -> None:
    warnings.simplefilter("ignore")
    at_start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    result = job(root)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer.put((seconds, (peak - at_start) / 1000, result))


def cost(job: Callable[[Path], float], root: Path) -> tuple[float, float, float]:
    """CPU seconds, MB above what the imports took, and the result, in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["nilearn.masking", "nilearn.signal", "neurodecode.preprocess.blocks",
         "neurodecode.preprocess.glm", "neurodecode.preprocess.glm_library",
         "neurodecode.studies.bids"]
    )  # fmt: skip
    answer = context.SimpleQueue()
    process = context.Process(target=_child, args=(job, root, answer))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{job.__name__} ended with code {process.exitcode}")
    found: tuple[float, float, float] = answer.get()
    return found


def compare(table: Table, name: str, ours: Any, peer: Any, root: Path, repeats: int) -> None:
    """Add time, memory and agreement of two ways, taken in turns."""
    pairs = [(cost(ours, root), cost(peer, root)) for _ in range(repeats)]
    own, other = (np.array([pair[k] for pair in pairs]) for k in (0, 1))
    for column, (unit, form) in enumerate((("CPU s", ".2f"), ("MB", ".0f"))):
        a, b = np.median(own[:, column]), np.median(other[:, column])
        table.add(f"{name}: {unit}", f"{a:{form}}", f"nilearn {b:{form}}", "<= 1.2 x nilearn",
                  bool(a <= 1.2 * b))  # fmt: skip
    table.add(f"{name}: mean of what comes out", f"{own[0, 2]:.5g}", f"nilearn {other[0, 2]:.5g}",
              "within .1 %", bool(abs(own[0, 2] / other[0, 2] - 1) < 1e-3))  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` compares once, and holds fewer and shorter runs against another."""
    repeats, length = (1, 60) if quick else (5, 300)
    few, many = (2, 4) if quick else (2, 8)
    size = f"300 volumes of {'x'.join(map(str, GRID))}"
    with tempfile.TemporaryDirectory() as folder:
        one, short, long = (Path(folder) / name for name in ("one", "few", "many"))
        write(one, 300, 1, 1)
        compare(
            table, f"{size}, mask and high-pass", ours_high_pass, nilearn_high_pass, one, repeats
        )
        if not quick:
            compare(table, f"{size}, mask and z-score", ours_z_scored, nilearn_z_scored, one,
                    repeats)  # fmt: skip
        write(short, length, 1, few)
        write(long, length, 1, many)
        for name, job, mask in (("betas (LSS)", ours_betas, "mask"),
                                ("betas (library)", library_betas, "core"),
                                ("blocks, z-scored", ours_z_scored, "mask")):  # fmt: skip
            small, large = cost(job, short)[1], cost(job, long)[1]
            # What comes out, one row a trial, has to be held: twice, as units are dropped by copy.
            trials = 2 * (many - few) * N_EVENTS * _n_voxels(one, mask) * 4 / 1e6
            table.add(f"{name}: MB with {few} / {many} runs", f"{small:.0f} / {large:.0f}", "",
                      f"<= 1.1 x + {trials:.0f} MB of responses",
                      bool(large <= 1.1 * small + trials))  # fmt: skip


def _n_voxels(root: Path, mask: str) -> int:
    return int(np.asarray(nib.load(root / f"{mask}.nii.gz").dataobj).sum())


if __name__ == "__main__":
    run("b_runs", SOURCES, measure, __doc__ or "")
