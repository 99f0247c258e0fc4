"""The small pipeline on a real SLURM of one machine, beside the local profile."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from table import ROOT, Table, run

SOURCES = ("benchmarks/v_slurm.py", "workflows/slurm", "workflows/profiles/slurm")
SCRIPTS = ROOT / "workflows" / "slurm"
QUICK_CHECKS = ("--slurm-init-seconds-before-status-checks", "1",
                "--seconds-between-status-checks", "1", "--latency-wait", "3")  # fmt: skip
# In front of the real command: one embed job is killed, evaluate fails while a file is there.
SHIM = """#!/bin/sh
echo "$2 $SLURM_JOB_PARTITION" >> "{folder}/jobs"
case "$2" in
  embed)
    if mkdir "{folder}/killed" 2>/dev/null; then
      scancel --signal=KILL "$SLURM_JOB_ID"
      exec sleep 60
    fi ;;
  evaluate) test -e "{folder}/broken" && exit 3 ;;
esac
exec "{real}" "$@"
"""


def lay_out(folder: Path) -> None:
    """Write the configuration of one small study, links to the rules and the shim."""
    study = yaml.safe_load((ROOT / "config/studies/haxby2001.yaml").read_text())
    study["name"] = "small"
    study["systems"] = [
        {"responses": "blocks", "decoder": "ridge", "generator": "nearest",
         "sources": ["decoded", "permuted"]},
        {"responses": "blocks", "decoder": "ridge", "generator": "mean_picture",
         "role": "baseline", "sources": ["decoded"]},
    ]  # fmt: skip
    study["evaluate"] |= {"n_bootstrap": 200, "n_permutations": 500}
    (folder / "config" / "studies").mkdir(parents=True)
    (folder / "config/studies/small.yaml").write_text(yaml.safe_dump(study))
    (folder / "config/config.yaml").write_text(
        yaml.safe_dump({"studies": ["small"], "seed": 3, "results": "results"})
    )
    for name in ("Snakefile", "workflows", "environment.yml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "bin").mkdir()
    shim = folder / "bin" / "neurodecode"
    shim.write_text(SHIM.format(folder=folder, real=Path(sys.executable).parent / "neurodecode"))
    shim.chmod(0o755)


def snakemake(
    folder: Path, profile: str, *arguments: str, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the pipeline."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", f"workflows/profiles/{profile}",
         "--cores", "2", *arguments],
        cwd=folder, capture_output=True, text=True, env=env,
    )  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    """Hash of every file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def compare(table: Table, base: Path) -> None:
    """Run locally, then on the cluster with one killed and one failing job, then again."""
    python = str(Path(sys.executable).parent)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
           "PATH": os.pathsep.join([python, os.environ["PATH"]])}  # fmt: skip
    local, far = base / "local", base / "far"
    lay_out(local)
    lay_out(far)
    begin = time.monotonic()
    done = snakemake(local, "local", env=env)
    spent = time.monotonic() - begin
    table.add("local profile", f"ends with {done.returncode}, {spent:.0f} s", "", "ends with 0",
              done.returncode == 0)  # fmt: skip
    env = {
        **env,
        "SLURM_CONF": str(base / "slurm" / "slurm.conf"),
        "PATH": os.pathsep.join([str(far / "bin"), str(base / "slurm" / "bin"), env["PATH"]]),
    }
    (far / "broken").touch()
    broken = snakemake(far, "slurm", *QUICK_CHECKS, "--retries", "1", env=env)
    jobs = (far / "jobs").read_text().split("\n")
    embeds = sum(line.startswith("embed") for line in jobs)
    table.add("a killed embed job", f"submitted {embeds} times", "", "2", embeds == 2)
    named = broken.returncode == 1 and "Error in rule evaluate" in broken.stderr
    table.add("a failing evaluate job", "named" if named else broken.stderr[-200:], "", "named",
              named)  # fmt: skip
    (far / "broken").unlink()
    (far / "jobs").unlink()
    begin = time.monotonic()
    again = snakemake(far, "slurm", *QUICK_CHECKS, env=env)
    spent = time.monotonic() - begin
    table.add("the same call afterwards", f"ends with {again.returncode}, {spent:.0f} s", "",
              "ends with 0", again.returncode == 0)  # fmt: skip
    rest = sorted({line.split()[0] for line in (far / "jobs").read_text().splitlines()})
    table.add("stages that ran again", ", ".join(rest), "", "evaluate, report",
              rest == ["evaluate", "report"])  # fmt: skip
    ours, theirs = digests(far / "results"), digests(local / "results")
    same = sum(ours.get(name) == digest for name, digest in theirs.items())
    table.add("files of the cluster's run", f"{len(ours)}, {same} identical",
              f"local: {len(theirs)}", "all identical", ours == theirs)  # fmt: skip
    partitions = {line for line in jobs if line.startswith(("reconstruct", "preprocess"))}
    right = partitions == {"reconstruct gpu", "preprocess main"}
    table.add("partitions of preprocess and reconstruct", "; ".join(sorted(partitions)), "",
              "main; gpu", right)  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` only starts and stops the cluster, where it is installed."""
    if not shutil.which("slurmctld", path="/usr/sbin:/usr/bin"):
        table.add("slurm", "not installed", "", "apt-get install slurm-wlm munge",
                  None if quick else False)  # fmt: skip
        return
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        begin = time.monotonic()
        started = subprocess.run([SCRIPTS / "start.sh", base / "slurm"], capture_output=True)
        try:
            table.add("from start to an idle node", f"{time.monotonic() - begin:.1f} s", "",
                      "<= 10 s", started.returncode == 0)  # fmt: skip
            if not quick:
                compare(table, base)
        finally:
            stopped = subprocess.run([SCRIPTS / "stop.sh", base / "slurm"], capture_output=True)
        table.add("stopped", f"ends with {stopped.returncode}", "", "0", stopped.returncode == 0)


if __name__ == "__main__":
    run("v_slurm", SOURCES, measure, __doc__ or "")
