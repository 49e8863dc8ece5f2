# SPDX-License-Identifier: MIT
"""The WebSocket protocol, RFC 6455, byte by byte.

Every case says what the standard asks for. Where the hub does something else the case is on the
list of deviations, with what happens instead; a case that starts to pass has to leave the list.
"""
import base64
import json
import random
import socket
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.events import progress
from harness.hub import Hub
from harness.peer import ACCEPT, ANSWER_SECONDS, DROPPED, KEY, NO_CODE, Peer, request
from harness.processes import Failure
from harness.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

MESSAGE_MAX = 65536  # the default of message_max
BIG_MAX = 1 << 20
PING_TEXT = b'{"type":"ping"}'
OCTETS = "octets"  # how a case sends: one write, or one a byte


@pytest.fixture(scope="module")
def big_hub():
    """A hub that takes longer messages."""
    hub = Hub({"clients": {"message_max": BIG_MAX}})
    try:
        yield hub.start()
    finally:
        hub.close()


# ---- cases --------------------------------------------------------------------------------------

def control(kind, payload=b""):
    return (kind, payload)


PONG_TEXT = (TEXT, "pong")     # {"type":"pong"}
ERROR_TEXT = (TEXT, "error")   # {"type":"error",...}


def shown(frames):
    """Frames as cases write them: of a text its type or its action."""
    return [(kind, summary(payload)) if kind == TEXT else (kind, payload)
            for kind, payload in frames]


def summary(payload):
    message = json.loads(payload)
    return message.get("type") or message["action"]


@dataclass
class Lives:
    """These frames come, and the connection goes on."""
    frames: list = field(default_factory=list)

    def check(self, peer):
        assert shown(peer.read_to_answer()) == self.frames
        peer.say_close()
        assert peer.read_to_close() == ([], 1000)


@dataclass
class Ends:
    """These frames come, and the connection ends with one of these codes."""
    codes: Any
    frames: list = field(default_factory=list)
    after: list = field(default_factory=list)  # behind the close, where nothing may come

    def check(self, peer):
        frames, code = peer.read_to_close()
        # An answer that waits for the socket may be lost: what failed ends at once.
        assert shown(frames) in ([self.frames] if code in (1000, NO_CODE) else [self.frames, []])
        assert code in (self.codes if isinstance(self.codes, tuple) else (self.codes,)), code
        # Of a message before a bad frame the answer may come behind the library's close.
        assert peer.after_close == self.after or shown(frames + peer.after_close) == self.frames


FAILS = Ends((1002, DROPPED))  # RFC 6455 section 7.1.7: a close frame should come, and may not


@dataclass
class Case:
    name: str
    data: bytes
    expected: Any
    how: str = ""
    says_close: bool = False
    big: bool = False
    crossing: bytes = b""  # sent when the other's close has come, before the answer to it


def run(case, expected, port, patience, tls=False):
    with Peer(port, patience=patience, tls=tls) as peer:
        assert peer.response.status == 101
        peer.said_close, peer.crossing = case.says_close, case.crossing
        if case.how == OCTETS:
            peer.send_octets(case.data)
        else:
            peer.send(case.data)
        expected.check(peer)


def judge(name, right, run_it):
    """Run a case: it is right, or deviates exactly as the list says."""
    deviation = next((one for one in DEVIATIONS if name in one.cases), None)
    if deviation is None:
        run_it(right, ANSWER_SECONDS)
        return
    run_it(deviation.cases[name], ANSWER_SECONDS)
    try:
        run_it(right, 0.2)
    except (AssertionError, Failure):
        return
    pytest.fail(f"{name} is right now: take it off the list of deviations")


# ---- sizes (Autobahn 1) ---------------------------------------------------------------------------

def text_of(size):
    """A message of so many bytes that is answered when every byte of it has come as it was sent."""
    if size < 40:
        return PING_TEXT.ljust(size) if size >= len(PING_TEXT) else b"[" * size
    start, end = b'{"action":"unsubscribe","x":"', b'","events":["task.x"]}'
    digits = b"0123456789abcdef" * (size // 16 + 1)
    return start + digits[:size - len(start) - len(end)] + end


def answer_to(size):
    return ERROR_TEXT if size < len(PING_TEXT) else PONG_TEXT if size < 40 else \
        (TEXT, "unsubscribed")


SIZES = [0, 1, 2, 15, 16, 124, 125, 126, 127, 128, 511, 512, 513, 1023, 1024, 1025, 4096, 16384,
         65534, 65535]


def size_cases():
    for size in SIZES + [65536]:
        yield Case(f"text of {size}", frame(TEXT, text_of(size)), Lives([answer_to(size)]))
        yield Case(f"binary of {size}", frame(BINARY, b"\xfe" * size), Lives([ERROR_TEXT]))
    for size in (0, 1, 125, 126, 127, 1024):
        yield Case(f"text of {size} in octets", frame(TEXT, text_of(size)),
                   Lives([answer_to(size)]), OCTETS)
        yield Case(f"binary of {size} in octets", frame(BINARY, b"\xfe" * size),
                   Lives([ERROR_TEXT]), OCTETS)
    for size in (0, 125, 126, 1024, 16384):
        yield Case(f"five texts of {size} in one packet", frame(TEXT, text_of(size)) * 5,
                   Lives([answer_to(size)] * 5))
    for size in (65537, 131072, BIG_MAX - 1, BIG_MAX):
        yield Case(f"text of {size} where that is allowed", frame(TEXT, text_of(size)),
                   Lives([answer_to(size)]), big=True)
        yield Case(f"binary of {size} where that is allowed", frame(BINARY, b"\xfe" * size),
                   Lives([ERROR_TEXT]), big=True)
    for kind, name in ((TEXT, "text"), (BINARY, "binary")):
        yield Case(f"{name} above the limit", frame(kind, b" " * (MESSAGE_MAX + 1)), Ends(1009))
        yield Case(f"{name} above the higher limit", frame(kind, b" " * (BIG_MAX + 1)), Ends(1009),
                   big=True)
        for length in (MESSAGE_MAX + 1, 1 << 31, 1 << 32, (1 << 63) - 1):
            yield Case(f"{name} announced with {length}",
                       frame(kind, b" " * 1024, length=length), Ends(1009))
        for length in (1 << 63, (1 << 64) - 1):
            yield Case(f"{name} announced with {length}", frame(kind, b" ", length=length), FAILS)
    # The shortest form is the sender's duty; the standard has no rule for who gets another.
    for size, width in ((15, 2), (15, 8), (125, 2), (125, 8), (126, 8), (65535, 8), (0, 2), (0, 8)):
        yield Case(f"length {size} in {width} bytes",
                   frame(TEXT, text_of(size), length_bytes=width), Lives([answer_to(size)]))


# ---- pings and pongs (2) ----------------------------------------------------------------------------

def ping_cases():
    for size in (0, 1, 5, 64, 124, 125):
        payload = b"Hello" if size == 5 else bytes(range(256 - size, 256))
        for how in ("", OCTETS):
            yield Case(f"ping of {size} {how}".strip(), frame(PING, payload),
                       Lives([control(PONG, payload)]), how)
    for kind, name in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        for size in (126, 127, 65536):
            yield Case(f"{name} of {size}", frame(kind, b"\x03\xe8".ljust(size)), FAILS,
                       says_close=kind == CLOSE)
        yield Case(f"{name} in fragments", frame(kind, b"\x03\xe8", fin=False), FAILS)
        yield Case(f"{name} with a long form of its length",
                   frame(kind, b"\x03\xe8", length_bytes=2), FAILS)
    for size in (0, 1, 125):
        yield Case(f"pong of {size} nobody asked for", frame(PONG, b"\xff" * size), Lives())
    yield Case("pong nobody asked for, then ping", frame(PONG, b"a") + frame(PING, b"b"),
               Lives([control(PONG, b"b")]))
    yield Case("pong with bytes that are no text, after a text",
               frame(TEXT, PING_TEXT) + frame(PONG, b"\xff\xfe"), Lives([PONG_TEXT]))
    yield Case("pong within a character", frame(TEXT, b'{"type":"ping","x":"\xc3', fin=False) +
               frame(PONG, b"\xff") + frame(CONTINUATION, b'\xa4"}'), Lives([PONG_TEXT]))
    yield Case("ping within a character", frame(TEXT, b'{"type":"ping","x":"\xc3', fin=False) +
               frame(PING, b"\xff") + frame(CONTINUATION, b'\xa4"}'),
               Lives([control(PONG, b"\xff"), PONG_TEXT]))
    yield Case("ten pings in one packet", b"".join(frame(PING, b"%d" % n) for n in range(10)),
               Lives([control(PONG, b"%d" % n) for n in range(10)]))
    yield Case("two pings in one packet", frame(PING, b"a") + frame(PING, b"b"),
               Lives([control(PONG, b"a"), control(PONG, b"b")]))


def test_ten_pings_that_wait_for_their_pongs(hub):
    with Peer(hub.port.number) as peer:
        for n in range(10):
            peer.send(frame(PING, b"%d" % n))
            assert peer.read_frame() == (PONG, b"%d" % n)


def test_pongs_come_between_messages_and_never_within_one(hub, rpc):
    """To a client that reads nothing for a while, so that messages wait half sent."""
    with Peer(hub.port.number, request(path="/ws/events")) as peer:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        wanted, n_pings = [], 0
        for _ in range(10):
            batch = [progress() for _ in range(32)]
            for event in batch:
                event["payload"]["more"] = "x" * 10000
            rpc.publish(*batch)
            wanted += [event["payload"]["job_id"] for event in batch]
            peer.send(frame(PING, b"%d" % n_pings))
            n_pings += 1
        got, pongs = [], []
        while len(got) < len(wanted):
            opcode, payload = peer.read_frame()
            if opcode == PONG:
                pongs.append(int(payload))
            else:
                got.append(json.loads(payload)["payload"]["job_id"])
                if len(got) % 50 == 0:
                    peer.send(frame(PING, b"%d" % n_pings))
                    n_pings += 1
        assert got == wanted
        assert pongs and pongs == sorted(set(pongs))


# ---- reserved bits and opcodes (3, 4) -------------------------------------------------------------------

def reserved_cases():
    kinds = ((TEXT, "text"), (BINARY, "binary"), (PING, "ping"), (PONG, "pong"), (CLOSE, "close"))
    for rsv in range(1, 8):
        for kind, name in kinds:
            yield Case(f"rsv {rsv} {name}", frame(kind, b"", rsv=rsv), Ends(1002))
    yield Case("rsv 4 continuation", frame(TEXT, b"[", fin=False) +
               frame(CONTINUATION, b"]", rsv=4), Ends(1002))
    yield Case("rsv after a good text", frame(TEXT, PING_TEXT) + frame(TEXT, PING_TEXT, rsv=4) +
               frame(PING, b"x"), Ends((1002, DROPPED), [PONG_TEXT]))
    for kind in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield Case(f"opcode {kind} empty", frame(kind), Ends(1002))
        yield Case(f"opcode {kind} with a payload", frame(kind, b"payload"), Ends(1002))
        yield Case(f"opcode {kind} after a good text", frame(TEXT, PING_TEXT) + frame(kind, b"x"),
                   Ends((1002, DROPPED), [PONG_TEXT]))
    yield Case("opcode 3 within a message", frame(TEXT, b"[", fin=False) + frame(3), Ends(1002))


# ---- fragments (5) ------------------------------------------------------------------------------------

def split(payload, *sizes):
    """A text in frames of these sizes, the last takes the rest."""
    frames, kind = [], TEXT
    for size in sizes:
        frames.append(frame(kind, payload[:size], fin=False))
        payload, kind = payload[size:], CONTINUATION
    return frames + [frame(kind, payload)]


def fragment_cases():
    for name, data, expected in fragment_families():
        for how in ("", OCTETS):
            yield Case(f"{name} {how}".strip(), data, expected, how)
    yield Case("a text in frames of one byte", b"".join(split(PING_TEXT, *[1] * 14)),
               Lives([PONG_TEXT]))
    yield Case("a text between empty frames", b"".join(
        frame(CONTINUATION if n else TEXT, b"", fin=False) for n in range(20)) +
        frame(CONTINUATION, PING_TEXT), Lives([PONG_TEXT]))
    yield Case("a text of three empty frames", b"".join(split(b"", 0, 0)), Lives([ERROR_TEXT]))
    yield Case("a binary in two frames", frame(BINARY, b"\xff", fin=False) +
               frame(CONTINUATION, b"\xfe"), Lives([ERROR_TEXT]))
    yield Case("fragments up to the limit", b"".join(split(text_of(MESSAGE_MAX), *[16384] * 3)),
               Lives([answer_to(MESSAGE_MAX)]))
    yield Case("fragments above the limit", b"".join(split(b" " * (MESSAGE_MAX + 1), *[16384] * 4)),
               Ends(1009))
    for size in (65537, 1 << 20):
        yield Case(f"{size} bytes in four frames where that is allowed",
                   b"".join(split(text_of(size), *[size // 4] * 3)), Lives([answer_to(size)]),
                   big=True)


def fragment_families():
    """As Autobahn numbers them."""
    first, last = frame(TEXT, PING_TEXT[:7], fin=False), frame(CONTINUATION, PING_TEXT[7:])
    lone = frame(CONTINUATION, b"no beginning")
    open_lone = frame(CONTINUATION, b"no beginning", fin=False)
    whole = frame(TEXT, PING_TEXT)
    five = split(PING_TEXT, 2, 3, 4, 2)
    ping = frame(PING, b"now")
    pong = control(PONG, b"now")
    return [
        ("5.1 ping in two frames", frame(PING, b"a", fin=False) + frame(CONTINUATION, b"b"), FAILS),
        ("5.2 pong in two frames", frame(PONG, b"a", fin=False) + frame(CONTINUATION, b"b"), FAILS),
        ("5.3 text in two frames", first + last, Lives([PONG_TEXT])),
        ("5.6 ping between", first + ping + last, Lives([pong, PONG_TEXT])),
        ("5.9 continuation of nothing", lone + whole, Ends(1002)),
        ("5.12 open continuation of nothing", open_lone + whole, Ends(1002)),
        ("5.15 open continuation behind a whole text", first + last + open_lone + whole,
         Ends((1002, DROPPED), [PONG_TEXT])),
        ("5.16 open continuation, text, continuation", open_lone + first + last, Ends(1002)),
        ("5.17 continuation, text, continuation", lone + first + last, Ends(1002)),
        ("5.18 text within text", first + frame(TEXT, PING_TEXT[7:]), Ends(1002)),
        ("5.18 binary within text", first + frame(BINARY, PING_TEXT[7:]), Ends(1002)),
        ("5.19 five frames and a ping", b"".join(five[:2]) + ping + b"".join(five[2:]),
         Lives([pong, PONG_TEXT])),
        ("5.20 five frames and a pong", b"".join(five[:2]) + frame(PONG, b"x") + b"".join(five[2:]),
         Lives([PONG_TEXT])),
    ]


def any_message(chance):
    """Frames of a message, cut anywhere, control frames between them; and what answers it."""
    size = chance.choice([0, 1, 15, 60, 125, 126, 127, 500, 512, 528, 544, 1024, 4000])
    kind = chance.choice([TEXT, TEXT, TEXT, BINARY])
    payload = text_of(size) if kind == TEXT else chance.randbytes(size)
    cuts = sorted(chance.randint(0, size) for _ in range(chance.choice([0, 0, 1, 2, 5, 20])))
    frames = []
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, size])):
        frames.append(frame(CONTINUATION if number else kind, payload[start:end],
                            fin=number == len(cuts), mask=chance.randbytes(4)))
        for _ in range(chance.choice([0, 0, 0, 1, 2])):
            frames.append(frame(chance.choice([PING, PONG]), chance.randbytes(chance.randint(0, 125))))
    return b"".join(frames), answer_to(size) if kind == TEXT else ERROR_TEXT


@pytest.mark.parametrize("seed", range(20))
def test_messages_cut_anywhere_in_packets_cut_anywhere_are_all_read(hub, seed):
    chance = random.Random(seed)
    said = [any_message(chance) for _ in range(25)]
    data = b"".join(frames for frames, _ in said)
    with Peer(hub.port.number) as peer:
        at = 0
        while at < len(data):
            size = chance.choice([1, 2, 7, 100, 528, 1000, 5000])
            peer.send(data[at:at + size])
            at += size
        answers = [one for one in shown(peer.read_to_answer()) if one[0] != PONG]
        assert answers == [answer for _, answer in said]


# ---- UTF-8 (6), after Markus Kuhn's decoder capability and stress test ------------------------------------

VALID = {
    "kosme": "κόσμε", "U+0080": "\u0080", "U+0800": "\u0800", "U+10000": "\U00010000",
    "U+007F": "\u007f", "U+07FF": "\u07ff", "U+FFFF": "\uffff", "U+D7FF": "\ud7ff",
    "U+E000": "\ue000", "U+FFFD": "\ufffd", "U+10FFFF": "\U0010ffff", "U+FFFE": "\ufffe",
    "U+FDD0": "\ufdd0", "U+1FFFE": "\U0001fffe", "U+10FFFE": "\U0010fffe", "U+FEFF": "\ufeff",
    "emoji": "👩‍💻🏴󠁧󠁢󠁷󠁬󠁳󠁿", "mixed": "aä€😀" * 5,
}


def continuation_bytes(count):
    return bytes(0x80 + n for n in range(count))


def lonely(start, end):
    return b" ".join(bytes([byte]) for byte in range(start, end)) + b" "


INVALID = {
    "2.1.5 first of five": b"\xf8\x88\x80\x80\x80", "2.1.6 first of six": b"\xfc\x84\x80\x80\x80\x80",
    "2.2.4 U+1FFFFF": b"\xf7\xbf\xbf\xbf", "2.2.5 last of five": b"\xfb\xbf\xbf\xbf\xbf",
    "2.2.6 last of six": b"\xfd\xbf\xbf\xbf\xbf\xbf", "2.3.5 U+110000": b"\xf4\x90\x80\x80",
    "3.1.1 a continuation": b"\x80", "3.1.2 the last continuation": b"\xbf",
    **{f"3.1.{n + 1} {n} continuations": continuation_bytes(n) for n in range(2, 8)},
    "3.1.9 all continuations": continuation_bytes(64),
    "3.2.1 lonely starts of two": lonely(0xc0, 0xe0), "3.2.2 lonely starts of three": lonely(0xe0, 0xf0),
    "3.2.3 lonely starts of four": lonely(0xf0, 0xf8), "3.2.4 lonely starts of five": lonely(0xf8, 0xfc),
    "3.2.5 lonely starts of six": lonely(0xfc, 0xfe),
    **{f"lonely {byte:02x}": bytes([byte]) + b" " for byte in (0xc2, 0xdf, 0xe0, 0xef, 0xf0, 0xf4)},
    "3.3.1 U+0000 cut": b"\xc0", "3.3.2 of three, cut": b"\xe0\x80", "3.3.3 of four, cut": b"\xf0\x80\x80",
    "3.3.4 of five, cut": b"\xf8\x80\x80\x80", "3.3.5 of six, cut": b"\xfc\x80\x80\x80\x80",
    "3.3.6 U+07FF cut": b"\xdf", "3.3.7 U+FFFF cut": b"\xef\xbf", "3.3.8 U+1FFFFF cut": b"\xf7\xbf\xbf",
    "3.3.9 last of five, cut": b"\xfb\xbf\xbf\xbf", "3.3.10 last of six, cut": b"\xfd\xbf\xbf\xbf\xbf",
    "3.4 all of these": b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf",
    "3.5.1 fe": b"\xfe", "3.5.2 ff": b"\xff", "3.5.3 fe fe ff ff": b"\xfe\xfe\xff\xff",
    "4.1.1 slash in two": b"\xc0\xaf", "4.1.2 slash in three": b"\xe0\x80\xaf",
    "4.1.3 slash in four": b"\xf0\x80\x80\xaf", "4.1.4 slash in five": b"\xf8\x80\x80\x80\xaf",
    "4.1.5 slash in six": b"\xfc\x80\x80\x80\x80\xaf",
    "4.2.1 longest overlong of two": b"\xc1\xbf", "4.2.2 of three": b"\xe0\x9f\xbf",
    "4.2.3 of four": b"\xf0\x8f\xbf\xbf", "4.2.4 of five": b"\xf8\x87\xbf\xbf\xbf",
    "4.2.5 of six": b"\xfc\x83\xbf\xbf\xbf\xbf",
    "4.3.1 NUL in two": b"\xc0\x80", "4.3.2 NUL in three": b"\xe0\x80\x80",
    "4.3.3 NUL in four": b"\xf0\x80\x80\x80",
    **{f"5.1 U+{point:04X}": chr(point).encode("utf-8", "surrogatepass")
       for point in (0xd800, 0xdb7f, 0xdb80, 0xdbff, 0xdc00, 0xdf80, 0xdfff)},
    **{f"5.2 U+{high:04X} U+{low:04X}": (chr(high) + chr(low)).encode("utf-8", "surrogatepass")
       for high in (0xd800, 0xdbff) for low in (0xdc00, 0xdfff)},
    "f5": b"\xf5\x80\x80\x80", "three with a start within": b"\xe2\xc2\xac",
    "four with a letter within": b"\xf0\x9fx\x80",
}
WITHIN = (b'{"type":"ping","x":"', b'"}')


def utf8_cases():
    for name, text in VALID.items():
        data = text.encode().join(WITHIN)
        at = len(WITHIN[0])
        yield Case(f"valid {name}", frame(TEXT, data), Lives([PONG_TEXT]))
        yield Case(f"valid {name}, a frame a byte",
                   b"".join(split(data, at, *[1] * (len(data) - at))), Lives([PONG_TEXT]))
    for name, bad in INVALID.items():
        data = bad.join(WITHIN)
        yield Case(f"invalid {name}", frame(TEXT, data), Ends(1007))
        yield Case(f"invalid {name}, a frame a byte",
                   b"".join(split(data, *[1] * (len(data) - 1))), Ends(1007))
        yield Case(f"invalid {name} at the end", frame(TEXT, b"[" + bad), Ends(1007))
        # Section 8.1: as soon as it is seen, not when the message is whole.
        if not name.endswith("cut"):
            yield Case(f"invalid {name}, and no end", frame(TEXT, bad + b" ", fin=False), Ends(1007))
    yield Case("a character cut by the end of the message, in two frames",
               frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"\x82"), Ends(1007))
    yield Case("a character cut by a message of its own", frame(TEXT, b"\xe2") +
               frame(TEXT, b"\x82\xac"), Ends(1007))
    yield Case("a character across the reads", frame(TEXT, WITHIN[0] + "ä€😀".encode() * 300 +
                                                     WITHIN[1]), Lives([PONG_TEXT]), OCTETS)
    yield Case("no text in a binary", frame(BINARY, b"\xff\xfe\xed\xa0\x80"), Lives([ERROR_TEXT]))
    yield Case("no text in a binary of two frames, then a text", frame(BINARY, b"\xff", fin=False) +
               frame(CONTINUATION, b"\xff") + frame(TEXT, PING_TEXT), Lives([ERROR_TEXT, PONG_TEXT]))


# ---- closing (7) ------------------------------------------------------------------------------------------

def close(code=None, reason=b""):
    return frame(CLOSE, (code.to_bytes(2, "big") if code is not None else b"") + reason)


GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
              3000, 3999, 4000, 4999]
BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32768, 65535]


def close_cases():
    def case(name, data, expected, how=""):
        return Case(name, data, expected, how, says_close=True)
    for code in GOOD_CODES:
        yield case(f"close {code}", close(code), Ends(code))
        yield case(f"close {code} with a reason", close(code, b"because"), Ends(code))
    for code in BAD_CODES:
        yield case(f"close {code}", close(code), Ends(1002))
        yield case(f"close {code} with a reason", close(code, b"because"), Ends(1002))
    yield case("close without a code", close(), Ends(NO_CODE))
    yield case("close without a code in octets", close(), Ends(NO_CODE), OCTETS)
    yield case("close with half a code", frame(CLOSE, b"\x03"), Ends(1002))
    yield case("close with a reason in octets", close(1000, b"because"), Ends(1000), OCTETS)
    yield case("close with the longest reason", close(1000, b"x" * 123), Ends(1000))
    yield case("close with a reason that is too long", close(1000, b"x" * 124), FAILS)
    yield case("close with a reason of many languages", close(1000, "Grüße, κόσμε 😀".encode()),
               Ends(1000))
    for name, bad in INVALID.items():
        if len(bad) <= 6:
            yield case(f"close with a bad reason {name}", close(1000, b"ok " + bad), Ends(1007))
    yield case("close with a cut reason", close(1000, "x€".encode()[:-1]), Ends(1007))
    yield case("text, close", frame(TEXT, PING_TEXT) + close(1000), Ends(1000, [PONG_TEXT]))
    yield case("close, close", close(1000) + close(1001), Ends(1000))
    yield case("close, ping", close(1000) + frame(PING, b"late"), Ends(1000))
    yield case("close, text", close(1000) + frame(TEXT, PING_TEXT), Ends(1000))
    yield case("close, rubbish", close(1000) + b"\xff" * 300, Ends(1000))
    yield case("close within a message", frame(TEXT, b"[", fin=False) + close(1000) +
               frame(CONTINUATION, b"]"), Ends(1000))
    yield case("a long message, close, ping", frame(TEXT, text_of(60000)) + close(1000) +
               frame(PING), Ends(1000, [answer_to(60000)]))
    for kind, name in ((PING, "ping"), (TEXT, "text")):
        yield Case(f"their close crosses our {name}", frame(BINARY, b" " * (MESSAGE_MAX + 1)),
                   Ends(1009), crossing=frame(kind, PING_TEXT))


def test_a_close_from_both_sides_at_once_ends_the_connection(new_hub):
    hub = new_hub()
    with Peer(hub.port.number) as peer:
        hub.process.signal(15)
        peer.say_close(b"\x03\xe8")
        frames, code = peer.read_to_close()
        assert frames == [] and code in (1000, 1001)
    hub.process.popen.wait(10)


def test_after_its_close_the_server_is_the_first_to_end_the_connection(hub):
    """Section 7.1.1: so that the TIME_WAIT is the server's and not the client's."""
    with Peer(hub.port.number) as peer:
        peer.say_close()
        assert peer.read_frame() == (CLOSE, b"\x03\xe8")
        assert peer.read_frame() is None and peer.ended


# ---- masking -------------------------------------------------------------------------------------------

def mask_cases():
    for name, mask in (("zeros", b"\0\0\0\0"), ("ones", b"\xff\xff\xff\xff"), ("quotes", b'""""'),
                       ("one zero", b"\0\x01\x02\x03"), ("one byte", b"\0\0\0\x01")):
        yield Case(f"mask of {name}", frame(TEXT, text_of(1000), mask=mask), Lives([answer_to(1000)]))
        yield Case(f"mask of {name}, ping", frame(PING, b"payload", mask=mask),
                   Lives([control(PONG, b"payload")]))
    yield Case("masks that differ", frame(TEXT, PING_TEXT, mask=b"\0\0\0\0") +
               frame(TEXT, PING_TEXT, mask=b"abcd"), Lives([PONG_TEXT] * 2))
    for name, data in (("text", frame(TEXT, PING_TEXT, masked=False)),
                       ("binary", frame(BINARY, b"x", masked=False)),
                       ("ping", frame(PING, b"x", masked=False)),
                       ("pong", frame(PONG, b"x", masked=False)),
                       ("continuation", frame(TEXT, PING_TEXT[:7], fin=False) +
                        frame(CONTINUATION, PING_TEXT[7:], masked=False))):
        yield Case(f"unmasked {name}", data, FAILS)
    yield Case("unmasked close", frame(CLOSE, b"\x03\xe8", masked=False), FAILS, says_close=True)


# ---- the handshake ---------------------------------------------------------------------------------------

OTHER_KEY = base64.b64encode(bytes(range(16))).decode()
BAD = (400,)

HANDSHAKES = {
    # what must be taken
    "as the standard shows it": (request(Origin="http://localhost"), 101),
    "in octets": (request(), 101),
    "upgrade in capitals": (request(Upgrade="WEBSOCKET"), 101),
    "upgrade in mixed case": (request(Upgrade="WebSocket"), 101),
    "connection in lower case": (request(Connection="upgrade"), 101),
    "connection in a list": (request(Connection="keep-alive, Upgrade"), 101),
    "connection in a list without spaces": (request(Connection="keep-alive,Upgrade"), 101),
    "connection first in a list": (request(Connection="Upgrade, keep-alive"), 101),
    "connection in two headers": (request(Connection=["keep-alive", "Upgrade"]), 101),
    "header names in lower case": (request().replace(b"Sec-WebSocket-", b"sec-websocket-"), 101),
    "header names in upper case": (request().replace(b"Upgrade:", b"UPGRADE:"), 101),
    "no space behind the colons": (request().replace(b": ", b":"), 101),
    "spaces behind the key": (request(Sec_WebSocket_Key=KEY + "  "), 101),
    "spaces behind the host": (request(Host="localhost "), 101),
    "host with a port": (request(Host="localhost:8090"), 101),
    "host that is an IPv6 address": (request(Host="[::1]:8090"), 101),
    "unknown headers": (request(X_Unknown="1", Cookie="a=b; c=d", User_Agent="x"), 101),
    "an empty header": (request(X_Empty=""), 101),
    "eighty headers": (request(**{f"X_{n}": "value" for n in range(80)}), 101),
    "a header of 4 KiB": (request(X_Long="y" * 4096), 101),
    "a cookie of 6 KiB": (request(Cookie="y" * 6144), 101),
    "an argument nobody knows": (request(path="/ws/tasks?x=1&y"), 101),
    "an escaped path": (request(path="/ws/%74asks"), 101),
    "no subprotocol": (request(), 101),
    "our subprotocol": (request(Sec_WebSocket_Protocol="hostcast.v1"), 101),
    "our subprotocol and another": (request(Sec_WebSocket_Protocol="hostcast.v1, chat"), 101),
    "another subprotocol and ours": (request(Sec_WebSocket_Protocol="chat,hostcast.v1"), 101),
    "subprotocols in two headers": (request(Sec_WebSocket_Protocol=["chat", "hostcast.v1"]), 101),
    "an extension nobody knows": (request(Sec_WebSocket_Extensions="x-unknown; a=1"), 101),
    "two extensions nobody knows": (request(
        Sec_WebSocket_Extensions=["x-one", "x-two; b"]), 101),
    "an extension of another time": (request(
        Sec_WebSocket_Extensions="x-webkit-deflate-frame"), 101),
    "line ends without carriage returns": (request(end="\n"), 101),  # RFC 9112 section 2.2 allows it
    # what must be refused
    "no host": (request(Host=None), BAD),
    "two hosts": (request(Host=["localhost", "example.com"]), BAD),
    "twice the same host": (request(Host=["localhost", "localhost"]), BAD),
    "no upgrade": (request(Upgrade=None), (400, 426)),
    "another upgrade": (request(Upgrade="h2c"), (400, 426)),
    "an unknown upgrade": (request(Upgrade="TLS/1.0"), (400, 403, 426)),
    "an upgrade that begins alike": (request(Upgrade="websocketx"), (400, 403, 426)),
    "an empty upgrade": (request(Upgrade=""), (400, 426)),
    "no connection": (request(Connection=None), (400, 426)),
    "connection without upgrade": (request(Connection="keep-alive"), (400, 426)),
    "connection that closes": (request(Connection="close"), (400, 426)),
    "connection that begins alike": (request(Connection="upgraded"), (400, 426)),
    "connection that is cut": (request(Connection="up"), (400, 426)),
    "an empty connection": (request(Connection=""), (400, 426)),
    "no key": (request(Sec_WebSocket_Key=None), BAD),
    "an empty key": (request(Sec_WebSocket_Key=""), BAD),
    "a short key": (request(Sec_WebSocket_Key="c2hvcnQ="), BAD),
    "a key of 15 bytes": (request(Sec_WebSocket_Key=base64.b64encode(b"x" * 15).decode()), BAD),
    "a key of 17 bytes": (request(Sec_WebSocket_Key=base64.b64encode(b"x" * 17).decode()), BAD),
    "a key that is not base64": (request(Sec_WebSocket_Key="!" * 22 + "=="), BAD),
    "a key without padding": (request(Sec_WebSocket_Key=KEY[:22]), BAD),
    "a key of 200": (request(Sec_WebSocket_Key="A" * 200), BAD),
    "two keys": (request(Sec_WebSocket_Key=[KEY, OTHER_KEY]), BAD),
    "twice the same key": (request(Sec_WebSocket_Key=[KEY, KEY]), BAD),
    **{f"version {version!r}": (request(Sec_WebSocket_Version=version), (400, 426))
       for version in ("0", "7", "8", "12", "14", "113", "013", "13x", "x", "", "-13", "13, 8")},
    "no version": (request(Sec_WebSocket_Version=None), (400, 426)),
    "two versions": (request(Sec_WebSocket_Version=["13", "8"]), (400, 426)),
    **{f"method {method}": (request(method=method), (400, 403, 405, 501))
       for method in ("POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "get", "TRACE", "GETX",
                      "CONNECT")},
    **{f"as {http!r}": (request(http=http), (400, 426, 505))
       for http in ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/1.10", "http/1.1",
                    "HTTP/1.1x", "")},
    **{f"path {path!r}": (request(path=path), (400, 403, 404))
       for path in ("/", "/nothing", "/ws/tasks/", "/ws/tasks/x", "/WS/TASKS", "/ws/../tasks",
                    "/ws/tasks%00", "*", "ws/tasks", "/ws/%zz")},
    "an unknown subprotocol": (request(Sec_WebSocket_Protocol="chat"), BAD),
    "our subprotocol in capitals": (request(Sec_WebSocket_Protocol="HOSTCAST.V1"), BAD),
    "an empty subprotocol": (request(Sec_WebSocket_Protocol=""), (101,) + BAD),
    "subprotocols of 200": (request(Sec_WebSocket_Protocol="x" * 200), BAD + (431,)),
    "a NUL in a header": (request(X_Nul="a\0b"), (101,) + BAD),  # it is not looked at
    "a NUL in the host": (request(Host="local\0host"), BAD),
    "a path of 2 KiB": (request(path="/" + "x" * 2048), (400, 404, 414, 431)),
    "a path of 20 KiB": (request(path="/" + "x" * 20480), (400, 404, 414, 431)),
    "a header of 20 KiB": (request(X_Long="y" * 20480), (400, 431)),
    "two thousand headers": (request(**{f"X_{n}": "v" for n in range(2000)}), (400, 431)),
    "a request of one word": (b"HELLO\r\n\r\n", BAD + (403,)),
    "an HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD + (403, 505)),
    "a CONNECT to a host": (request(method="CONNECT", path="localhost:80"), (400, 403, 405, 501)),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600, BAD + (403, DROPPED)),
}


def run_handshake(head, status, port):
    with Peer(port, head) as peer:
        check_response(peer, status, asked=b"hostcast.v1" in head,
                       has_body=not head.startswith(b"HEAD"))


def check_response(peer, status, *, asked=False, has_body=True):
    response = peer.response
    assert response.status in (status if isinstance(status, tuple) else (status,))
    if response.status != 101:
        says = bool(peer.read_rest())
        assert says == (has_body and response.status != DROPPED), "an answer says what was wrong"
        return
    assert response.headers["upgrade"].lower() == "websocket"
    assert response.headers["connection"].lower() == "upgrade"
    assert response.headers["sec-websocket-accept"] == ACCEPT
    assert "sec-websocket-extensions" not in response.headers
    assert response.headers.get("sec-websocket-protocol") == ("hostcast.v1" if asked else None)
    Lives([(TEXT, "connection.established")] if asked else []).check(peer)


@pytest.mark.parametrize("name", HANDSHAKES)
def test_handshake(hub, name):
    head, status = HANDSHAKES[name]
    judge(name, status, lambda expected, _: run_handshake(head, expected, hub.port.number))


def test_handshake_in_octets(hub):
    head = request()
    with Peer(hub.port.number, head[:1], rest_in_octets=head[1:]) as peer:
        check_response(peer, 101)


@pytest.mark.parametrize("frames,expected", [
    (frame(TEXT, PING_TEXT), Lives([PONG_TEXT])),
    (frame(TEXT, PING_TEXT) * 5, Lives([PONG_TEXT] * 5)),
    (frame(PING, b"x"), Lives([control(PONG, b"x")])),
    (frame(CLOSE, b"\x03\xe8"), Ends(1000)),
    (frame(3), FAILS),
    (frame(TEXT, b"\xff"), Ends(1007)),
    (frame(TEXT, PING_TEXT) * 400, None),
    (frame(TEXT, text_of(3000)), None),
    (frame(PING, bytes(125)) * 20, None),
    (b"\xff" * 6000, None),
], ids=["text", "five-texts", "ping", "close", "bad-opcode", "bad-text", "many-texts", "long-text",
        "many-pings", "rubbish"])
def test_frames_in_the_packet_of_the_handshake(hub, frames, expected):
    """Section 4.1: a client must wait for the answer. Of one that does not, little is read well."""
    with Peer(hub.port.number, and_frames=frames) as peer:
        assert peer.response.status == 101
        peer.said_close = frames[0] == 0x88
        if expected:
            expected.check(peer)
        else:
            peer.say_close()
            peer.read_all()


def test_a_frame_cut_between_the_packet_of_the_handshake_and_the_next(hub):
    data = frame(TEXT, text_of(100))
    for at in (1, 2, 3, 4, 6, 8, 9, 50, len(data) - 1):
        with Peer(hub.port.number, and_frames=data[:at]) as peer:
            peer.send(data[at:])
            Lives([answer_to(100)]).check(peer)


# ---- what is not as the standard has it --------------------------------------------------------------------

@dataclass
class Deviation:
    """Cases that are not right, why, and what happens instead."""
    why: str
    cases: dict


DEVIATIONS = [
    Deviation("Frames that are not masked are read: the library does not look, nor does it tell.", {
        "unmasked text": Lives([PONG_TEXT]),
        "unmasked binary": Lives([ERROR_TEXT]),
        "unmasked ping": Lives([control(PONG, b"x")]),
        "unmasked pong": Lives(),
        "unmasked continuation": Lives([PONG_TEXT]),
        "unmasked close": Ends(1000),
    }),
    Deviation("Of pings that come together only the first is answered, and not the last.", {
        "two pings in one packet": Lives([control(PONG, b"a")]),
        "ten pings in one packet": Lives([control(PONG, b"0")]),
    }),
    Deviation("A ping behind the hub's close, before the answer to it, is answered.", {
        "their close crosses our ping": Ends(1009, after=[control(PONG, PING_TEXT)]),
    }),
    Deviation("The library knows 1012 to 1014 not yet, and hands them on as 1002.", {
        f"close {code}{reason}": Ends(1002) for code in (1012, 1013, 1014)
        for reason in ("", " with a reason")
    }),
    Deviation("A head that the library cannot keep is dropped and gets no status.", {
        "a path of 20 KiB": DROPPED, "a header of 20 KiB": DROPPED, "two thousand headers": DROPPED,
        "path '/ws/tasks%00'": DROPPED,
    }),
    Deviation("The library reads methods whatever their case, and spaces as part of the key.", {
        "method get": 101,
        "spaces behind the key": 400,
    }),
]


def test_the_list_of_deviations_is_short_and_names_cases_that_are_there():
    assert len(DEVIATIONS) <= 6
    named = [name for one in DEVIATIONS for name in one.cases]
    assert len(named) == len(set(named))
    assert set(named) <= {case.name for case in CASES} | set(HANDSHAKES)


CASES = [*size_cases(), *ping_cases(), *reserved_cases(), *fragment_cases(), *utf8_cases(),
         *close_cases(), *mask_cases()]


def test_there_are_enough_cases_and_each_has_a_name_of_its_own():
    names = [case.name for case in CASES]
    assert len(names) >= 250
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_frames(hub, big_hub, case):
    port = (big_hub if case.big else hub).port.number
    judge(case.name, case.expected, lambda *how: run(case, how[0], port, how[1]))


@pytest.fixture(scope="module")
def tls_hub():
    """A hub with TLS of its own."""
    hub = Hub()
    hub.make_certificate()
    hub.configure({"tls": hub.tls_options()})
    try:
        yield hub.start()
    finally:
        hub.close()


TLS_CASES = [case for case in (*size_cases(), *ping_cases(), *fragment_cases(), *close_cases())
             if not case.big]


@pytest.mark.parametrize("case", TLS_CASES, ids=lambda case: case.name)
def test_frames_over_tls(tls_hub, case):
    """As the library reads them from OpenSSL: it once span when texts came together."""
    port = tls_hub.tls_port.number
    judge(case.name, case.expected, lambda *how: run(case, how[0], port, how[1], tls=True))
