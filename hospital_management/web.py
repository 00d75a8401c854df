"""Daphne that ends politely.

As it comes, Daphne drops every request in flight on SIGTERM and cuts sockets without a frame.
Here SIGTERM turns readiness to 503, closes the listening port, lets requests finish for up to
``DRAIN_SECONDS`` and tells each socket 1012 (service restart), so that clients come back at once.

Daphne also buffers without limit for a client that does not read. Here ``send`` waits until such a
socket has room again; the scope's extension ``push`` sends a finished frame and never waits.
"""

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from autobahn.websocket import protocol as autobahn
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort
from twisted.internet.tcp import Connection

from core import lifecycle
from hospital_management import env
from hospital_management.asgi import application

SERVICE_RESTART = 1012  # RFC 6455 registry
POLL_SECONDS = 0.05
SWITCH_SECONDS = 0.001
HANDSHAKE_SECONDS = 20  # after a restart all come at once; 5 s would turn the last away
BACKLOG = 2048  # of 50, Twisted's, the others would be ignored and try again a second later


class PatientProtocol(WebSocketProtocol):
    """A socket that knows whether its client keeps up, and takes finished frames.

    Twisted calls ``pauseProducing`` when more than 64 KB wait to be sent.
    """

    def onConnect(self, request: Any) -> Any:  # noqa: N802 - Autobahn's name
        self.has_room = asyncio.Event()
        self.has_room.set()
        return super().onConnect(request)

    def onOpen(self) -> None:  # noqa: N802
        # The HTTP channel from which the socket was upgraded still holds the place.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        super().onOpen()

    def pauseProducing(self) -> None:  # noqa: N802
        self.has_room.clear()
        self.transport.pauseProducing()  # who does not read is not read from either

    def resumeProducing(self) -> None:  # noqa: N802
        self.has_room.set()
        self.transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802
        self.has_room.set()  # whoever waits learns that the socket is gone

    def is_behind(self) -> bool:
        return self.state == self.STATE_OPEN and not self.has_room.is_set()

    def push(self, frame: bytes) -> bool:
        """Send a whole frame of the wire; False if the client is behind, and nothing was sent.

        A tenth of the work of a ``send``: no Autobahn, and no round by the reactor as long as the
        kernel takes it all.
        """
        if self.state != self.STATE_OPEN:
            return True
        if not self.has_room.is_set():
            return False
        transport = self.transport
        if isinstance(transport, Connection) and not (
            transport._tempDataBuffer or len(transport.dataBuffer) > transport.offset
        ):
            with suppress(OSError):  # full, or gone, which the reactor finds
                frame = frame[transport.socket.send(frame) :]
        if frame:
            transport.write(frame)
        return True


class DrainingServer(Server):
    """Daphne's server with a SIGTERM that waits, and sockets that do."""

    def run(self) -> None:
        WebSocketFactory.protocol = PatientProtocol
        self.signal_handlers = False
        self._ports: list[IListeningPort] = []
        reactor.callWhenRunning(self._listen_for_signals)
        super().run()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> asyncio.Queue | None:
        if isinstance(protocol, PatientProtocol):
            scope["extensions"] = {"push": protocol.push}
        return super().create_application(protocol, scope)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            if protocol.is_behind():
                await protocol.has_room.wait()
            if protocol.state in (protocol.STATE_CLOSING, protocol.STATE_CLOSED):
                return  # Autobahn would raise, and the application cannot know yet
        await super().handle_reply(protocol, message)

    def listen_success(self, port: IListeningPort) -> None:
        self._ports.append(port)
        lifecycle.begun(_name_of(port))
        super().listen_success(port)

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_event_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._begin_drain)

    def _begin_drain(self) -> None:
        if lifecycle.draining.is_set():
            return
        lifecycle.draining.set()
        for port in self._ports:
            lifecycle.ended(_name_of(port))
            port.stopListening()
        self._drained = asyncio.ensure_future(self._drain(env.integer("DRAIN_SECONDS", 20)))

    async def _drain(self, seconds: int) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        for protocol in self._live(sockets=True):
            if protocol.state == WebSocketProtocol.STATE_OPEN:
                protocol.sendCloseFrame(code=SERVICE_RESTART)
        # Daphne signals no end of a request that could be awaited.
        while self._live(sockets=False) and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.sleep(POLL_SECONDS)  # the last bytes leave
        self.stop()

    def _live(self, *, sockets: bool) -> list:
        """Connections with a running application."""
        return [
            protocol
            for protocol, details in list(self.connections.items())
            if isinstance(protocol, WebSocketProtocol) == sockets
            and "disconnected" not in details
            and "application_instance" in details
            and not details["application_instance"].done()
        ]


def _name_of(port: IListeningPort) -> str:
    return f"{socket.gethostname()}:{port.getHost().port}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bind", default=os.environ.get("HOST") or "127.0.0.1")
    parser.add_argument("--port", type=int, default=env.integer("PORT", 8000))
    options = parser.parse_args()
    # At every write to a socket, threads that compute may take the interpreter for this long.
    sys.setswitchinterval(SWITCH_SECONDS)
    endpoints = [
        f"{endpoint}:backlog={BACKLOG}"
        for endpoint in build_endpoint_description_strings(host=options.bind, port=options.port)
    ]
    autobahn.pformat = lambda _: ""  # each socket's options, for a debug line that nobody reads
    # What was loaded to start with is no garbage; to look through it again holds sockets up.
    gc.collect()
    gc.freeze()
    # No access log of Daphne's: it prints query strings, which may hold a name searched for.
    DrainingServer(
        application,
        endpoints=endpoints,
        verbosity=0,
        server_name="",
        websocket_handshake_timeout=HANDSHAKE_SECONDS,
    ).run()


if __name__ == "__main__":
    main()
