"""A recording of the size of NSD's subject 1, in its published layout: memory of preprocessing."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
from table import ROOT, Table, run

sys.path.append(str(ROOT / "tests" / "unit" / "studies"))
import nsd_miniature as published

SOURCES = (
    "benchmarks/b_nsd_size.py", "tests/unit/studies/nsd_miniature.py",
    "neurodecode/studies/nsd.py", "neurodecode/studies/nsd_files.py",
    "neurodecode/studies/volumes.py", "neurodecode/preprocess/as_given.py",
    "config/studies/nsd.yaml",
)  # fmt: skip
GRID, N_VOXELS, GIGABYTES = (81, 104, 83), 15_724, 4.0
N_FILES = 2  # sessions are links to these: values repeat, sizes do not


def write(root: Path, n_sessions: int, suffix: str) -> None:
    """Write a whole subject; voxels of the brain alone are not zero."""
    ids, shared = published.schedule()
    published.write_tables(root, ids, shared)
    published.write_pictures(root, {})
    axes = [np.linspace(-1, 1, n) for n in GRID]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    back = np.where((y < 0) & (x**2 + y**2 + z**2 < 0.8), x**2 + (y + 1) ** 2 + z**2, np.inf)
    roi = np.zeros(GRID, np.int16)
    roi.reshape(-1)[np.argsort(back, axis=None)[:N_VOXELS]] = 1
    path = root / "nsddata/ppdata/subj01/func1pt8mm/roi/nsdgeneral.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(roi, published.AFFINE), path)
    folder = root / f"nsddata_betas/ppdata/subj01/func1pt8mm/{published.VERSION}"
    folder.mkdir(parents=True)
    for session in range(1, n_sessions + 1):
        file = folder / f"betas_session{session:02d}{suffix}"
        if session > N_FILES:
            os.link(folder / f"betas_session{(session - 1) % N_FILES + 1:02d}{suffix}", file)
            continue
        rng = np.random.default_rng(session)
        values = rng.integers(-900, 900, (N_VOXELS, 750)).astype(np.int16)
        if suffix == ".hdf5":  # chunks that are never written read as zero
            with h5py.File(file, "w") as stream:
                betas = stream.create_dataset(
                    "betas", (750, *GRID[::-1]), np.int16, chunks=(750, 1, 1, 1)
                )
                for voxel, row in zip(np.argwhere(roi), values, strict=True):
                    betas[:, voxel[2], voxel[1], voxel[0]] = row
        else:
            whole = np.zeros((*GRID, 750), np.int16, order="F")
            whole[roi > 0] = values
            nib.save(nib.Nifti1Image(whole, published.AFFINE), file)
            del whole


def preprocess(root: str, results: str, n_sessions: int, answer: Any) -> None:
    """Run the stage of the shipped template; answers peak GB, CPU minutes, and where it wrote."""
    from neurodecode.config import load_study
    from neurodecode.paths import Paths
    from neurodecode.pipeline import Job
    from neurodecode.pipeline import run as run_job

    study = load_study("nsd", ROOT / "config" / "config.yaml")
    sessions = None if n_sessions == 40 else n_sessions
    data = study.data.model_copy(update={"root": root, "sessions": sessions})
    study = study.model_copy(update={"data": data})
    start = time.process_time()
    job = Job("preprocess", study, Paths(Path(results), study.name), 1,
              {"responses": "betas", "subject": "01"})  # fmt: skip
    run_job(job)
    minutes = (time.process_time() - start) / 60
    answer.put((peak_gigabytes(), minutes, str(job.sidecar)))


def read_again(sidecar: str, answer: Any) -> None:
    """Read the responses as later stages do; answers peak GB beyond what the imports took."""
    from neurodecode.artifacts import load_responses

    before = peak_gigabytes()
    load_responses(Path(sidecar))
    answer.put(peak_gigabytes() - before)


def in_a_process(job: Any, *arguments: Any) -> Any:
    """Return what a job answers that runs in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.SimpleQueue()
    process = context.Process(target=job, args=(*arguments, answer))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{job.__name__} ended with code {process.exitcode}")
    return answer.get()


def peak_gigabytes() -> float:
    """Most memory that this process held; ``getrusage`` counts what its parent held, too."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
    return float(line.split()[1]) * 1024 / 1e9


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` has two sessions, of HDF5 alone."""
    from neurodecode.artifacts import load_responses

    n_sessions = 2 if quick else 40
    for suffix in (".hdf5",) if quick else (".hdf5", ".nii.gz"):
        with tempfile.TemporaryDirectory() as folder:
            root, results = Path(folder) / "nsd", Path(folder) / "results"
            write(root, n_sessions, suffix)
            peak, minutes, sidecar = in_a_process(preprocess, str(root), str(results), n_sessions)
            responses = load_responses(Path(sidecar))
            n_trials, n_units = responses.data.shape
            name = f"{n_trials:,} trials x {n_units:,} voxels, {suffix}"
            whole = (n_trials, n_units) == (750 * n_sessions, N_VOXELS)
            alone = f"the responses alone {responses.data.nbytes / 1e9:.2f}"
            holds = bool(whole and peak < GIGABYTES)
            table.add(f"{name}: peak GB of the stage", f"{peak:.2f}", alone,
                      f"< {GIGABYTES:g}, nothing lost", holds)  # fmt: skip
            beyond = peak - responses.data.nbytes / 1e9
            table.add(f"{name}: GB beyond the responses", f"{beyond:.2f}",
                      f"a session in single precision {750 * np.prod(GRID) * 4 / 1e9:.2f}", "< 1",
                      bool(beyond < 1))  # fmt: skip
            again = in_a_process(read_again, sidecar)
            table.add(f"{name}: peak GB of reading them again", f"{again:.2f}", alone,
                      "<= 1.1 x the responses",
                      bool(again <= 1.1 * responses.data.nbytes / 1e9))  # fmt: skip
            spread = _spread_of_training_trials(responses)
            table.add(f"{name}: SD of training trials", f"{spread:.4f}", "", "1 within .1 %",
                      bool(abs(spread - 1) < 1e-3))  # fmt: skip
            table.add(f"{name}: CPU minutes", f"{minutes:.1f}")


def _spread_of_training_trials(responses: Any) -> float:
    """Mean SD over voxels in the first session, whose training trials set the scale."""
    _, shared = published.schedule()
    names = {f"nsd-{k:05d}" for k in shared}
    first = responses.trials.iloc[:750]
    train = ~first["stimulus"].isin(names).to_numpy()
    return float(responses.data[:750][train].std(axis=0, dtype=float).mean())


if __name__ == "__main__":
    run("b_nsd_size", SOURCES, measure, __doc__ or "")
