"""Fail where a test was skipped for a reason that is not on the committed list."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def main(log: str, allowed: str) -> int:
    """Compare the ``SKIPPED`` lines of a pytest log with the allowed reasons."""
    reasons = [
        line
        for line in Path(allowed).read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    skipped = re.findall(r"^SKIPPED \[\d+\] (.*)$", Path(log).read_text(), flags=re.MULTILINE)
    wrong = [line for line in skipped if not any(reason in line for reason in reasons)]
    for line in wrong:
        print(f"skipped without leave: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
