"""HTTP/2 as far as a proxy between gRPC programs needs it: frames in, frames out, header blocks read.

Must not know what is done with a frame: the proxy decides.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from hpack import Decoder

PREFACE_BYTES = 24
DATA, HEADERS, RST_STREAM, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 7, 8, 9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 0x1, 0x4, 0x8, 0x20
FRAME_BYTES_MAX = 16_384

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    kind: int
    flags: int
    stream: int
    body: bytes

    def __bytes__(self) -> bytes:
        return len(self.body).to_bytes(3, "big") + struct.pack(">BBI", self.kind, self.flags, self.stream) + self.body


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame; IncompleteReadError at the end of the connection."""
    head = await reader.readexactly(9)
    kind, flags, stream = struct.unpack(">BBI", head[3:])
    return Frame(kind, flags, stream & 0x7FFFFFFF, await reader.readexactly(int.from_bytes(head[:3], "big")))


def reset(stream: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return bytes(Frame(RST_STREAM, 0, stream, struct.pack(">I", code)))


def goaway(last_stream: int, code: int, text: str) -> bytes:
    """A GOAWAY frame."""
    return bytes(Frame(GOAWAY, 0, 0, struct.pack(">II", last_stream, code) + text.encode()))


def credit(size: int) -> bytes:
    """Gives the connection's window back what a dropped DATA frame has used up."""
    return bytes(Frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", size))) if size else b""


class HeaderReader:
    """Reads the header blocks of one direction; every block has to be read, for they build on each other."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=1 << 20)
        self._decoder.max_allowed_table_size = 1 << 20
        self._block = b""
        self._ends_stream = False

    def read(self, frame: Frame) -> tuple[Headers, bool] | None:
        """The headers and whether they end the stream, once their last frame has come."""
        if frame.kind == HEADERS:
            self._block = _without_padding(frame)
            self._ends_stream = bool(frame.flags & END_STREAM)
        else:
            self._block += frame.body
        if not frame.flags & END_HEADERS:
            return None
        return [(bytes(name), bytes(value)) for name, value in self._decoder.decode(self._block, raw=True)], (
            self._ends_stream
        )


def written_headers(stream: int, headers: Iterable[tuple[bytes, bytes]], *, ends_stream: bool) -> bytes:
    """HEADERS (and CONTINUATION) frames that build on nothing and leave nothing to build on."""
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers)
    pieces = [block[at : at + FRAME_BYTES_MAX] for at in range(0, len(block), FRAME_BYTES_MAX)]
    frames = [
        Frame(CONTINUATION if at else HEADERS, END_HEADERS if at == len(pieces) - 1 else 0, stream, piece)
        for at, piece in enumerate(pieces)
    ]
    first = frames[0]
    frames[0] = Frame(first.kind, first.flags | (END_STREAM if ends_stream else 0), stream, first.body)
    return b"".join(map(bytes, frames))


def _text(text: bytes) -> bytes:
    """A string literal of HPACK, without Huffman code: a length with a prefix of 7 bits, then the text."""
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, length = len(text) - 127, [127]
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    return bytes([*length, rest]) + text


def _without_padding(frame: Frame) -> bytes:
    start = (1 if frame.flags & PADDED else 0) + (5 if frame.flags & PRIORITY else 0)
    end = len(frame.body) - (frame.body[0] if frame.flags & PADDED else 0)
    return frame.body[start:end]
