"""Starting the dashboard's own process, talking to it, ending it."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from neurodecode.errors import ConfigError, NeurodecodeError
from neurodecode.online.dashboard.link import Link, pair
from neurodecode.online.dashboard.messages import Order, encode, parse_order

__all__ = ["Dashboard"]

START_SECONDS, ANSWER_SECONDS = 60.0, 0.2


class Dashboard:
    """A web page at a secret address of this machine, as a context manager.

    Parameters
    ----------
    port : int
        To listen on; 0: any that is free.

    Attributes
    ----------
    url : str
        Address with its token; whoever knows it can watch and give orders.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.url = ""

    def __enter__(self) -> Self:
        """Start the process; returns when it listens.

        Raises
        ------
        ConfigError
            Where the port is taken or not allowed.
        """
        self._link, theirs = pair()
        fd = theirs.socket.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "neurodecode.online.dashboard.server", str(fd)],
            pass_fds=[fd],
            stdin=subprocess.PIPE,
        )
        theirs.close()
        token = secrets.token_urlsafe(32)
        self._link.send(encode({"token": token, "port": str(self.port)}))
        try:
            said = self._answer()
            if "refused" in said:
                raise ConfigError(
                    f"dashboard: port {self.port} cannot be used ({said['refused']}); "
                    "choose another, or 0 for any"
                )
        except BaseException:
            self.close()
            raise
        self.url = f"http://127.0.0.1:{said['port']}/?token={token}"
        return self

    def _answer(self) -> dict[str, Any]:
        """Wait until the process listens, refuses or has died."""
        self._link.socket.settimeout(ANSWER_SECONDS)
        for _ in range(round(START_SECONDS / ANSWER_SECONDS)):
            try:
                answer: dict[str, Any] = json.loads(self._link.socket.recv(4096))
            except TimeoutError:
                if self._process.poll() is not None:
                    break
            else:
                self._link.socket.setblocking(False)
                return answer
        raise NeurodecodeError(
            "dashboard: its process did not start; is the online extra installed "
            "(pip install 'neurodecode[online]')?"
        )

    @property
    def link(self) -> Link:
        """To the process; counts what was dropped."""
        return self._link

    def show(self, message: Mapping[str, Any]) -> bool:
        """Send a message to the page, or drop it where the page is slow; never waits."""
        return self._link.send(encode(message))

    def orders(self) -> list[Order]:
        """What was asked for since the last call, oldest first."""
        found = (parse_order(message) for message in self._link.receive())
        return [order for order in found if order is not None]

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._link.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self.close()
