"""The web server of the dashboard; run as ``python -m neurodecode.online.dashboard.server FD``.

It listens on 127.0.0.1 only and answers nobody without the token. The ``Host`` and, on the
websocket, the ``Origin`` must be its own, so that no other page in the same browser can reach it.
It ends when the process that started it closes its standard input.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from neurodecode.online.dashboard.link import Link
from neurodecode.online.dashboard.messages import encode, parse_order
from neurodecode.online.dashboard.page import render

__all__ = ["Hub", "application", "main"]

WAITING = 16
"""Messages kept for a browser that is slow; older ones are dropped."""
ORDER_TRIES, ORDER_PAUSE = 50, 0.02


@dataclass
class Hub:
    """Hands messages of the session to all open pages, and orders of pages to the session.

    Attributes
    ----------
    link : Link
        To the decoding process.
    token : str
        Without it nothing is answered.
    port : int
        That the server listens on.
    """

    link: Link
    token: str
    port: int
    about: bytes = b"{}"
    pages: set[asyncio.Queue[bytes]] = field(default_factory=set)

    def forward(self) -> None:
        """Hand on what the session sent; what it says about itself is kept for later pages."""
        for message in self.link.receive():
            if message.startswith(b'{"about"'):
                self.about = message
            for page in self.pages:
                if page.full():
                    page.get_nowait()
                page.put_nowait(message)

    def admits(self, connection: HTTPConnection) -> bool:
        """Whether a request names this server and knows the token."""
        names = (f"127.0.0.1:{self.port}", f"localhost:{self.port}")
        host = connection.headers.get("host", "") in names
        token = connection.query_params.get("token", "").encode()
        return secrets.compare_digest(token, self.token.encode()) and host

    def is_own_page(self, connection: HTTPConnection) -> bool:
        """Whether a websocket is opened by a page of this server."""
        host = connection.headers.get("host", "")
        return connection.headers.get("origin", "") == f"http://{host}"


def application(hub: Hub) -> Starlette:
    """The page and its websocket."""

    async def page(request: Request) -> Response:
        if not hub.admits(request):
            text = "Open the address that the command printed: it ends in a token."
            return PlainTextResponse(text, 403)
        nonce = secrets.token_urlsafe(16)
        return HTMLResponse(render(nonce), headers=_headers(nonce, hub.port))

    async def live(websocket: WebSocket) -> None:
        if not (hub.admits(websocket) and hub.is_own_page(websocket)):
            await websocket.close(1008)
            return
        await websocket.accept()
        queue: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        queue.put_nowait(hub.about)
        hub.pages.add(queue)
        speaking = asyncio.create_task(_speak(websocket, queue))
        try:
            await _listen(websocket, hub)
        except WebSocketDisconnect:
            pass
        finally:
            hub.pages.discard(queue)
            speaking.cancel()

    return Starlette(routes=[Route("/", page), WebSocketRoute("/live", live)])


def _headers(nonce: str, port: int) -> dict[str, str]:
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; "
        f"img-src data:; connect-src ws://127.0.0.1:{port} ws://localhost:{port}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


async def _speak(websocket: WebSocket, queue: asyncio.Queue[bytes]) -> None:
    while True:
        message = await queue.get()
        await websocket.send_text(message.decode())


async def _listen(websocket: WebSocket, hub: Hub) -> None:
    while True:
        text = await websocket.receive_text()
        order = parse_order(text)
        if order is not None and not await _deliver(hub.link, text.encode(), order.do):
            await websocket.send_text(encode({"undelivered": order.do}).decode())


async def _deliver(link: Link, message: bytes, do: str) -> bool:
    """Send an order; all but a movement of the hand are tried again for a second."""
    tries = 1 if do == "point" else ORDER_TRIES
    for _ in range(tries):
        if link.send(message):
            return True
        await asyncio.sleep(ORDER_PAUSE)
    return do == "point"


async def _serve(link: Link, hello: dict[str, str]) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", int(hello["port"])))
        listener.listen()
    except OSError as error:
        link.send(encode({"refused": error.strerror or str(error)}))
        return
    hub = Hub(link, hello["token"], listener.getsockname()[1])
    config = uvicorn.Config(
        application(hub), log_level="error", access_log=False, ws="websockets-sansio",
        ws_max_size=4096, lifespan="off", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()
    loop.add_reader(link.socket, hub.forward)
    parent = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(parent), sys.stdin)

    async def end_with_parent() -> None:
        await parent.read()
        server.should_exit = True

    watching = asyncio.create_task(end_with_parent())
    link.send(encode({"port": hub.port}))
    await server.serve(sockets=[listener])
    watching.cancel()


def main(arguments: list[str]) -> None:
    """Serve until the parent is gone; the token comes as the first message, not as an argument."""
    end = socket.socket(fileno=int(arguments[0]))
    end.settimeout(10)
    hello = json.loads(end.recv(4096))
    asyncio.run(_serve(Link(end), hello))


if __name__ == "__main__":
    main(sys.argv[1:])
