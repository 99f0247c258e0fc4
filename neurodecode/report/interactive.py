"""The score plot that can be asked: what plotly draws, and the scripts of the page.

All of it also stands in the tables of the page, which works without scripts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurodecode.report.tables import ROLES, Block

__all__ = ["plot_data", "scripts"]

FOLDER = Path(__file__).parent / "templates"


def plot_data(blocks: Sequence[Block], *, several: bool) -> list[dict[str, Any]]:
    """Return what the plot of a study shows, one entry a metric and extractor.

    Parameters
    ----------
    blocks : sequence of Block
        As the tables show them.
    several : bool
        Whether rows name their subject.

    Returns
    -------
    list of dict
        ``name``, ``chance`` (None where rows differ), ``lower`` (is better) and ``rows``: ``what``,
        ``role``, ``value``, ``low``, ``high`` (None where unknown) and ``words`` on the pointer.
    """
    found = []
    for block in blocks:
        chances = {
            r.chance for _, rows in block.groups for r in rows if r.score.source != "published"
        }
        rows = [_row(row, several) for _, part in block.groups for row in part]
        name = block.entry.name + (f" \u00b7 {block.extractor}" if block.extractor else "")
        found.append(
            {
                "name": name,
                "lower": block.entry.lower_is_better,
                "chance": _number(chances.pop()) if len(chances) == 1 else None,
                "rows": rows,
            }
        )
    return found


def _row(row: Any, several: bool) -> dict[str, Any]:
    score = row.score
    what = row.words + (f", subject {score.subject}" if several else "")
    known = score.has_interval
    return {
        "what": what,
        "role": score.role,
        "group": ROLES.get(score.role, score.role),
        "value": score.value if score.value == score.value else None,
        "low": score.ci_low if known else None,
        "high": score.ci_high if known else None,
        "words": f"{row.value} (95 % {row.interval}), chance {row.chance}, p {row.p}, q {row.q}, "
        f"N {score.n}"
        + (f", {row.share} of the oracle" if row.share else "")
        + (f", {row.decoder}" if row.decoder else ""),
    }


def _number(text: str) -> float | None:
    return None if text == "n/a" else float(text)


def scripts() -> tuple[str, str]:
    """Return plotly and our few lines that use it, as they stand in the page once."""
    library = (FOLDER / "plotly" / "plotly-basic.min.js").read_text(encoding="utf-8")
    own = (FOLDER / "scores.mjs").read_text(encoding="utf-8")
    return library, own
