"""Messages between the decoding process and the page's: bounded, lossy, never waiting.

A pair of local datagram sockets. The kernel holds a few messages; where the other side is slow,
what does not fit is dropped and counted, and the decoder goes on.
"""

from __future__ import annotations

import socket

from neurodecode.online.dashboard.messages import LONGEST

__all__ = ["Link", "pair"]


class Link:
    """One end.

    Parameters
    ----------
    end : socket
        A connected datagram socket.

    Attributes
    ----------
    dropped : int
        Messages that did not fit or found nobody at the other end.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LONGEST)
        self.socket = end
        self.dropped = 0

    def send(self, message: bytes) -> bool:
        """Send, or drop and count; tells which."""
        try:
            self.socket.send(message)
        except OSError:
            self.dropped += 1
            return False
        return True

    def receive(self) -> list[bytes]:
        """Return all messages that wait, oldest first."""
        waiting: list[bytes] = []
        while True:
            try:
                waiting.append(self.socket.recv(LONGEST + 1))
            except OSError:
                return waiting

    def close(self) -> None:
        """Close this end."""
        self.socket.close()


def pair() -> tuple[Link, Link]:
    """Two connected ends."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return Link(one), Link(other)
