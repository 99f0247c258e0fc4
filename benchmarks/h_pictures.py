"""Live pictures: a simulated EEG comes at its own pace, each held-out trial is decoded and drawn.

One simulated person (BrainVision files, two sessions, most pictures held out, so that more than
one comes a second) is preprocessed and a ridge to the semantic embedding is fitted; then the first
session is replayed, epochs are cut on its markers, and the embedded generator draws. Every live
embedding is compared with that of the pipeline for the same trial. The bar of the true pace is for
a machine without other work: ``--quick`` replays 15 s and holds only the CPU time to it.
"""

from __future__ import annotations

import resource
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from table import ROOT, WEIGHTS, Table, run

from neurodecode.artifacts import load_conditions
from neurodecode.config import load_study
from neurodecode.models.diffusion import load_generator
from neurodecode.online.clock import Clock, RealClock, VirtualClock
from neurodecode.online.live_pictures import PictureSession
from neurodecode.online.picture_decoder import PictureDecoder
from neurodecode.online.pictures import draw_one
from neurodecode.online.replay import Replay
from neurodecode.paths import Paths
from neurodecode.pipeline import Job
from neurodecode.pipeline import run as run_job
from neurodecode.simulate.written import Cohort, write_cohort

SOURCES = (
    "benchmarks/h_pictures.py", "config/studies/virtual-eeg-live.yaml",
    *(f"neurodecode/online/{name}.py" for name in (
        "continuity", "epochs", "filters", "live_pictures", "picture_decoder", "pictures",
        "recorded", "replay",
    )),
    "neurodecode/preprocess/eeg.py", "neurodecode/preprocess/forward.py",
    "neurodecode/models/diffusion.py", "neurodecode/models/samplers.py",
    "neurodecode/models/unet.py", *WEIGHTS,
)  # fmt: skip
STUDY = "virtual-eeg-live"
STAGES = (
    ("targets", {"target": "semantic"}), ("preprocess", {"responses": "epochs", "subject": "01"}),
    ("design", {}), ("embed", {"chain": "epochs-ridge"}),
)  # fmt: skip
STEPS = 6


@dataclass
class Seen:
    """Of one replay: from marker to picture (s), CPU seconds, and when drawing went on."""

    late: list[float] = field(default_factory=list)
    first: float = 0.0
    last: float = 0.0
    cpu: float = 0.0


def train(folder: Path, n_train: int, n_test: int) -> PictureDecoder:
    """Record a person, preprocess, fit; returns the decoder for streams."""
    write_cohort(
        Cohort(folder / "set", "eeg", "realistic", n_subjects=1, n_train=n_train, n_test=n_test),
        1, lambda: None,
    )  # fmt: skip
    raw = yaml.safe_load((ROOT / "config" / "studies" / f"{STUDY}.yaml").read_text())
    raw["data"]["root"] = str(folder / "set")
    (folder / "studies").mkdir()
    (folder / "studies" / f"{STUDY}.yaml").write_text(yaml.safe_dump(raw))
    study, paths = load_study(STUDY, folder / "config.yaml"), Paths(folder / "results", STUDY)
    for stage, wildcards in STAGES:
        run_job(Job(stage, study, paths, 1, wildcards))
    return PictureDecoder(study, paths, "01", 1, STEPS)


def session(folder: Path, number: int, decoder: PictureDecoder, clock: Clock) -> PictureSession:
    """A replay of one of the person's recordings."""
    stem = f"sub-01_ses-{number}_task-pictures_eeg.vhdr"
    recording = folder / "set" / "sub-01" / f"ses-{number}" / "eeg" / stem
    return PictureSession(Replay(recording, clock), decoder, clock)


def equal(folder: Path, decoder: PictureDecoder, table: Table) -> None:
    """Every live embedding beside that of the pipeline."""
    stimuli, live, lost = [], [], 0
    start = time.process_time()
    for number in (1, 2):
        replay = session(folder, number, decoder, VirtualClock())
        for decoded in (d for turn in replay.decoded() for d in turn):
            stimuli.append(decoded.stimulus)
            live.append(decoded.embedding[0])
        c = replay.counts
        lost += c.markers - c.cut - c.broken - c.rejected - c.waiting
    seconds = time.process_time() - start
    conditions = load_conditions(
        Paths(folder / "results", STUDY).conditions("epochs-ridge", "01")
    )  # fmt: skip
    offline = conditions.arrays["semantic"]
    same = stimuli == conditions.table["stimulus"].tolist()
    apart = float(np.abs(np.array(live) - offline).max()) if same else float("inf")
    table.add("largest difference of a live embedding from the pipeline's", f"{apart:.1e}",
              f"{len(live)} trials, entries up to {np.abs(offline).max():.2f}", "<= 1e-5",
              apart <= 1e-5)  # fmt: skip
    table.add("markers without account", str(lost), "", "0", lost == 0)
    table.add("CPU to filter, cut and decode (ms a trial)", f"{1e3 * seconds / len(live):.1f}")


def replayed(folder: Path, decoder: PictureDecoder, table: Table, quick: bool) -> None:
    """Replay at true pace and draw."""
    generator, clock, seen = load_generator(), RealClock(), Seen()
    draw_one(generator, np.zeros((1, decoder.size), np.float32), 0, STEPS)
    replay = session(folder, 1, decoder, clock)
    begin = clock.now()
    for found in replay.decoded():
        if found:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
            replay.draw(found, generator)
            seen.cpu += resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
            seen.late.append(clock.now() - found[-1].marker.time)
            seen.first = seen.first or clock.now()
            seen.last = clock.now()
        if clock.now() - begin >= (15 if quick else 90):
            break
    replay.stream.disconnect()
    n, stop = len(seen.late), decoder.estimator.stop
    rate = (n - 1) / (seen.last - seen.first)
    came = (replay.counts.cut - 1) / (seen.last - seen.first)
    table.add("pictures a second", f"{rate:.2f} ({n} drawn)",
              f"{came:.2f} trials a second came, {replay.skipped} were skipped as too late",
              ">= 1", None if quick else rate >= 1)  # fmt: skip
    p50, p95 = np.percentile(seen.late, [50, 95])
    table.add("from marker to picture (s), median / 95 %", f"{p50:.2f} / {p95:.2f}",
              f"the epoch itself: {stop:g}", "", None)  # fmt: skip
    table.add("pictures a second of CPU", f"{n / seen.cpu:.1f}",
              f"{STEPS} steps of the generator, one thread", ">= 1", n / seen.cpu >= 1)  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        decoder = train(folder, 8 if quick else 24, 20 if quick else 60)
        equal(folder, decoder, table)
        replayed(folder, decoder, table, quick)


if __name__ == "__main__":
    run("h_pictures", SOURCES, measure, (__doc__ or "").splitlines()[0])
