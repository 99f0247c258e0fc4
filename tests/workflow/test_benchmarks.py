"""Every benchmark runs, quickly, and its committed record is of the present sources."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import environment

ROOT = Path(__file__).parents[2]
# Only what was measured in full: a record is committed with the script that made it.
RECORDS = sorted((ROOT / "benchmarks" / "results").glob("*.tsv"))
SCRIPTS = [ROOT / "benchmarks" / f"{record.stem}.py" for record in RECORDS]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_quick(script):
    done = subprocess.run(
        [sys.executable, script.name, "--quick"],
        cwd=script.parent, capture_output=True, text=True, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "holds" in done.stdout
