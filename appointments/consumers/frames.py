"""Frames of every socket: how ours are written, and which of the client's are read."""

import json
import struct
from dataclasses import dataclass
from typing import Any

# Daphne sends no code of the standard but 1000; the others are ours, after HTTP's.
CLOSE_NO_LOGIN, CLOSE_NOT_ALLOWED, CLOSE_NOT_FOUND = 4401, 4403, 4404
CLOSE_ABUSE, CLOSE_TRY_LATER = 4429, 4503

FINAL_TEXT = 0x81
MAX_FRAME_BYTES = 4096
FRAMES_PER_SECOND = 20
BURST = 40
EXCESS_BEFORE_CLOSE = 200


class FrameError(ValueError):
    """A client's frame that is answered with an ``error`` frame; ``code`` is stable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def write_frame(kind: str, version: int, data: str = "{}") -> str:
    """A server's frame around finished JSON."""
    return f'{{"type":"{kind}","version":{version},"data":{data}}}'


class Frame:
    """A server's frame that goes to many: as text, and as bytes of the wire."""

    __slots__ = ("text", "wire")

    def __init__(self, kind: str, version: int, data: str) -> None:
        self.text = write_frame(kind, version, data)
        self.wire = _on_wire(self.text.encode())


def _on_wire(payload: bytes) -> bytes:
    """A final, unmasked text frame. Source: RFC 6455, 5.2."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", FINAL_TEXT, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", FINAL_TEXT, 126, size) + payload
    return struct.pack("!BBQ", FINAL_TEXT, 127, size) + payload


def read_frame(text: str | None) -> dict[str, Any]:
    """The object a client sent; its ``type`` is a string.

    Raises:
        FrameError: ``too_large``, or ``invalid``: binary, or not such an object.
    """
    if text is not None and len(text) > MAX_FRAME_BYTES:
        raise FrameError("too_large")
    try:
        frame = json.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise FrameError("invalid") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise FrameError("invalid")
    return frame


@dataclass(slots=True)
class Meter:
    """Counts one client's frames: ``BURST`` at once, ``FRAMES_PER_SECOND`` for long."""

    at: float
    credit: float = BURST
    excess: int = 0

    def take(self, now: float) -> int:
        """Count a frame at ``now`` (seconds of any steady clock).

        Returns:
            How many frames have come in excess since the credit was last full; 0 is fine.
        """
        self.credit = min(BURST, self.credit + (now - self.at) * FRAMES_PER_SECOND)
        self.at = now
        if self.credit == BURST:
            self.excess = 0
        if self.credit >= 1:
            self.credit -= 1
            return 0
        self.excess += 1
        return self.excess
