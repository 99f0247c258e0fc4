"""What every benchmark shares: a table of figures, its verdict, and the committed record.

A benchmark prints figure | ours | peer or baseline | goal | holds and exits 1 where one does not
hold. The full run records the table with a hash of the sources that it depends on; ``--quick``
runs a smaller version and fails where that record is stale.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
# What ships as weights, without the cards, which quote the figures.
WEIGHTS = tuple(
    f"neurodecode/weights/{name}.safetensors"
    for name in (
        "clip/open_clip_model", "independent/model", "unet/diffusion_pytorch_model",
        "vae/diffusion_pytorch_model",
    )
)  # fmt: skip


@dataclass
class Table:
    """Rows of one benchmark."""

    rows: list[dict[str, str]] = field(default_factory=list)

    def add(
        self, figure: str, ours: str, peer: str = "", goal: str = "", holds: bool | None = None
    ) -> None:
        """Add a row; ``holds`` None is information without a bar."""
        verdict = "" if holds is None else ("yes" if holds else "NO")
        row = {"figure": figure, "ours": ours, "peer": peer, "goal": goal, "holds": verdict}
        self.rows.append(row)

    @property
    def all_hold(self) -> bool:
        """Whether no bar is missed."""
        return all(row["holds"] != "NO" for row in self.rows)


def source_hash(sources: Sequence[str]) -> str:
    """Hash of all files below some paths of the repository."""
    digest = hashlib.sha256()
    for source in sources:
        path = ROOT / source
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(ROOT).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def run(
    name: str, sources: Sequence[str], measure: Callable[[Table, bool], None], title: str
) -> None:
    """Command line of one benchmark; exits 1 where a bar is missed or the record is stale."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="a smaller version, under 50 s")
    quick = parser.parse_args().quick
    table, now = Table(), source_hash(sources)  # hashed before: what was measured, not what is now
    measure(table, quick)
    frame = pd.DataFrame(table.rows)
    print(frame.to_string(index=False))
    record = ROOT / "benchmarks" / "results" / f"{name}.tsv"
    if not quick:
        record.parent.mkdir(exist_ok=True)
        frame.assign(sources=now).to_csv(record, sep="\t", index=False)
        sys.exit(0 if table.all_hold else 1)
    fresh = record.exists() and (pd.read_csv(record, sep="\t")["sources"] == now).all()
    if not fresh:
        print(f"{record.name} was measured on other sources: run the full benchmark again")
    sys.exit(0 if table.all_hold and fresh else 1)
