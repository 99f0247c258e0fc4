"""``make demo`` after installation: time, memory, nothing left to do, the same files again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from table import ROOT, Table, run

SOURCES = (
    "benchmarks/a_demo.py", "Snakefile", "workflows/rules", "workflows/profiles/local",
    "config/config.yaml", "config/studies/haxby2001.yaml", "config/studies/virtual-min.yaml",
    "neurodecode/workflow.py",
)  # fmt: skip
MINUTES, GIGABYTES = 5.0, 4.0
POLL_SECONDS = 0.5


def snakemake(results: Path, *options: str) -> tuple[str, float, float]:
    """Run the pipeline; returns its output, minutes, and the most memory at once (GB)."""
    command = [
        sys.executable, "-m", "snakemake", "--profile", "workflows/profiles/local", "--cores", "2",
        "--config", f"results={results}", *options,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        done, peak = threading.Event(), [0.0]
        watcher = threading.Thread(target=_watch, args=(process.pid, done, peak))
        watcher.start()
        code = process.wait()
        minutes = (time.perf_counter() - start) / 60
        done.set()
        watcher.join()
        log.seek(0)
        said = log.read()
    if code:
        raise SystemExit(f"the pipeline failed:\n{said}")
    return said, minutes, peak[0]


def _watch(pid: int, done: threading.Event, peak: list[float]) -> None:
    """Keep the largest sum of the process tree's own memory (shared pages counted once)."""
    while not done.wait(POLL_SECONDS):
        total = 0
        try:
            tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for process in tree:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        peak[0] = max(peak[0], total / 1e9)


def fingerprints(results: Path) -> dict[str, str]:
    """Hash of every file of a run."""
    return {
        path.relative_to(results).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file()
    }


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` only plans the run."""
    with tempfile.TemporaryDirectory() as folder:
        if quick:
            said, _, _ = snakemake(Path(folder) / "one", "--dry-run", "--quiet", "reason")
            table.add("jobs of the demo are planned", "yes", "", "", "reconstruct" in said)
            return
        said, minutes, memory = snakemake(Path(folder) / "one")
        table.add("minutes on 2 cores", f"{minutes:.1f}", "", f"<= {MINUTES:g}", minutes <= MINUTES)
        table.add("memory (GB)", f"{memory:.1f}", "", f"<= {GIGABYTES:g}", memory <= GIGABYTES)
        again, _, _ = snakemake(Path(folder) / "one")
        idle = "Nothing to be done" in again
        table.add("a second run has nothing to do", "yes" if idle else "no", "", "yes", idle)
        one = fingerprints(Path(folder) / "one")
        snakemake(Path(folder) / "two")
        same = one == fingerprints(Path(folder) / "two")
        table.add(f"{len(one)} files alike in two runs", "yes" if same else "no", "", "yes", same)


if __name__ == "__main__":
    run("a_demo", SOURCES, measure, __doc__ or "")
