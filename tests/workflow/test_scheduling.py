"""No more jobs at once than cores, also after jobs that were ready alone."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SNAKEFILE = """
from neurodecode.workflow import count_every_job

count_every_job()


rule all:
    input:
        expand("leaf{i}", i=range(4)),


rule link:
    output:
        "link1",
    shell:
        "touch {output}"


rule next_link:
    input:
        lambda w: f"link{int(w.i) - 1}",
    output:
        "link{i,[2-4]}",
    shell:
        "touch {output}"


rule leaf:
    input:
        "link4",
    output:
        "leaf{i}",
    shell:
        "mkdir busy && python3 -c 'import json, email, http' && rmdir busy && touch {output}"
"""


def test_jobs_that_were_ready_alone_leave_no_extra_core(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / f"leaf{i}").exists() for i in range(4))
