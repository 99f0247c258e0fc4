"""A real SLURM of one machine: jobs run where the profile says, killed ones again, failed by name.

The whole small pipeline, and that its files are those of the local profile, is in
benchmarks/v_slurm.py: between a job's end and its notice the executor waits ten seconds or more.
"""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, environment, snakemake
from test_pipeline_run import digests, neurodecode

pytestmark = [
    pytest.mark.timeout(400),  # the executor's waits, not work
    pytest.mark.skipif(
        not (shutil.which("sbatch") and shutil.which("munged", path="/usr/sbin:/usr/bin")),
        reason="slurm is not installed",
    ),
]
SCRIPTS = ROOT / "workflows" / "slurm"
# Stands in front of the real command: its first job is killed; jobs fail while a file is there.
SHIM = """#!/bin/sh
echo "$2 $SLURM_JOB_ID $SLURM_JOB_PARTITION $CUDA_VISIBLE_DEVICES" >> "{folder}/jobs"
if mkdir "{folder}/killed" 2>/dev/null; then
  scancel --signal=KILL "$SLURM_JOB_ID"
  exec sleep 60
fi
test -e "{folder}/broken" && exit 3
exec "{real}" "$@"
"""
QUICK = ("--profile", "workflows/profiles/slurm", "--slurm-init-seconds-before-status-checks", "1",
         "--seconds-between-status-checks", "1", "--latency-wait", "3")  # fmt: skip
TARGET = "results/small/targets/pixels.json"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Environment of a running SLURM."""
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([SCRIPTS / "start.sh", folder], check=True)
    path = os.pathsep.join([str(folder / "bin"), environment()["PATH"]])
    yield {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
    subprocess.run([SCRIPTS / "stop.sh", folder], check=True)
    subprocess.run([SCRIPTS / "stop.sh", folder], check=True)  # nothing is left to stop


@pytest.fixture(scope="module")
def place(cluster, tmp_path_factory):
    """Folder of runs, and the environment in which the shim is found first."""
    folder = tmp_path_factory.mktemp("clustered")
    shim = folder / "bin" / "neurodecode"
    shim.parent.mkdir()
    shim.write_text(SHIM.format(folder=folder, real=Path(sys.executable).parent / "neurodecode"))
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    return folder, {**cluster, "PATH": os.pathsep.join([str(shim.parent), cluster["PATH"]])}


def test_a_second_start_does_nothing_and_the_daemons_listen_on_loopback_only(cluster):
    folder = Path(cluster["SLURM_CONF"]).parent
    before = (folder / "slurmctld.pid").read_text()
    again = subprocess.run([SCRIPTS / "start.sh", folder], capture_output=True, text=True)
    assert again.returncode == 0
    assert "runs already" in again.stdout
    assert (folder / "slurmctld.pid").read_text() == before
    listening = Path("/proc/net/tcp").read_text().split("\n")[1:-1]
    ports = {
        line.split("=")[1]
        for line in (folder / "slurm.conf").read_text().splitlines()
        if line.startswith(("SlurmctldPort=", "SlurmdPort="))
    }
    addresses = {
        local.split(":")[0]
        for local, state in ((line.split()[1], line.split()[3]) for line in listening)
        if state == "0A" and str(int(local.split(":")[1], 16)) in ports
    }
    assert addresses == {"0100007F"}


def test_a_killed_job_is_submitted_again_and_its_files_are_those_of_one_machine(
    place, small_config, tmp_path
):
    folder, env = place
    done = snakemake(small_config, folder, *QUICK, TARGET, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (line.split() for line in (folder / "jobs").read_text().splitlines())
    assert first[0] == second[0] == "targets"
    assert first[1] != second[1]  # another SLURM job
    assert first[2:] == second[2:] == ["gpu", "0"]  # the partition and the GPU that were asked for
    local = neurodecode(folder, "stage", "targets", "--study", "small", "--target", "pixels",
                        "--seed", "3", "--out", str(tmp_path))  # fmt: skip
    assert local.returncode == 0, local.stderr
    assert digests(tmp_path / "small") == digests(folder / "results" / "small")


def test_a_failing_job_is_reported_by_name(place, small_config):
    folder, env = place
    (folder / "killed").mkdir(exist_ok=True)
    (folder / "broken").touch()
    done = snakemake(small_config, folder, *QUICK, "--retries", "0", "--force", TARGET, env=env)
    assert done.returncode == 1
    assert "Error in rule targets" in done.stderr
    assert "FAILED" in done.stderr
