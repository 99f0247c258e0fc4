"""What the online commands share: lines on the terminal, and the dashboard where it is wanted."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from neurodecode.online.dashboard.process import Dashboard

__all__ = ["dashboard_of", "tell"]


@contextmanager
def dashboard_of(options: Namespace) -> Iterator[Dashboard | None]:
    """The dashboard where it is wanted; says its address."""
    if not options.dashboard:
        yield None
        return
    with Dashboard(options.port) as dashboard:
        tell("dashboard", dashboard.url)
        sys.stdout.flush()
        yield dashboard


def tell(name: str, value: str) -> None:
    """Print a name and its value."""
    sys.stdout.write(f"{name:26s}{value}\n")
