# SPDX-License-Identifier: MIT
"""Requests made from descriptors: one that is right, and from it every one that is wrong in one place.

What is made from a field is Wrong(verdict, what, bytes). The verdicts:
    MALFORMED   text that is none, an enum value that is none: INVALID_ARGUMENT whatever the RPC
    REFUSED     out of the range that anything called so can have: INVALID_ARGUMENT, NOT_FOUND or the reply's own false
    BROKEN      bytes that are no message, or a message in which the field has another type: the like, or INTERNAL with the decoder's words
    TOO_LARGE   RESOURCE_EXHAUSTED
"""

import collections
import struct

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import DecodeError

MALFORMED, REFUSED, BROKEN, TOO_LARGE = "malformed", "refused", "broken", "too large"
VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)

Wrong = collections.namedtuple("Wrong", "verdict what bytes")

INTEGERS = {Field.TYPE_INT64: (-2**63, 2**63 - 1), Field.TYPE_INT32: (-2**31, 2**31 - 1), Field.TYPE_UINT64: (0, 2**64 - 1),
            Field.TYPE_UINT32: (0, 2**32 - 1)}
NO_TEXTS = (b"\0", b"a\0", b"a\0b", b"\xff", b"\xc0\x80", b"\xc3", b"a\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
            b"ok " * 2000 + b"\x80")
TOO_LONG = ("x" * 10_001, "\N{EURO SIGN}" * 10_001, "x" * 200_000)
NO_RATINGS = (float("nan"), float("inf"), float("-inf"), -1.0, -1e-3, 5.001, 3.4e38, -3.4e38)
SECONDS = (-2**63, -62135596801, 253402300800, 2**63 - 1)
NANOS = (-2**31, -1, 10**9, 2**31 - 1)


def varint(value):
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def piece(number, wire, content=b""):
    """A field as it stands on the wire, whatever its number means."""
    return varint(number << 3 | wire) + (varint(len(content)) + content if wire == BYTES else content)


def whole_numbers(field):
    """No id and no duration: its type's ends, and what is beyond them once it is cut to 32 bits."""
    least, most = INTEGERS[field.type]
    return sorted(n for n in {least, -1, 0, 2**31, 2**32 + 1, most} if least <= n <= most)


def without(message, field):
    """The message without this field, as bytes; another value of it may follow."""
    copy = type(message)()
    copy.CopyFrom(message)
    copy.ClearField(field.name)
    return copy.SerializeToString()


def wrong_values(field, rest):
    """Values the field may not have, by its type; what is not REFUSED by its type alone is left out."""
    number = field.number
    if field.type in INTEGERS:
        for value in whole_numbers(field):
            if value or not field.has_presence:
                yield Wrong(REFUSED, value, rest + piece(number, VARINT, varint(value)))
        if field.label == Field.LABEL_REPEATED:
            yield Wrong(REFUSED, "1,000 of them", rest + piece(number, BYTES, b"\1" * 1000))
    elif field.type == Field.TYPE_FLOAT:
        for value in NO_RATINGS:
            yield Wrong(REFUSED, value, rest + piece(number, FIXED32, struct.pack("<f", value)))
    elif field.type == Field.TYPE_STRING:
        for text in NO_TEXTS:
            yield Wrong(MALFORMED, text[-8:], rest + piece(number, BYTES, text))
        for text in TOO_LONG:
            yield Wrong(REFUSED, f"{len(text)} characters", rest + piece(number, BYTES, text.encode()))
        yield Wrong(TOO_LARGE, "300,000 bytes", rest + piece(number, BYTES, b"x" * 300_000))
        if field.label == Field.LABEL_REPEATED:
            yield Wrong(REFUSED, "1,000 of them", rest + piece(number, BYTES, b"Writing") * 1000)
    elif field.type == Field.TYPE_ENUM:
        for value in {-2**31, -1, max(field.enum_type.values_by_number) + 1, 2**31 - 1}:
            yield Wrong(MALFORMED, value, rest + piece(number, VARINT, varint(value)))
    elif field.type == Field.TYPE_MESSAGE and field.message_type.full_name == "google.protobuf.Timestamp":
        yield Wrong(REFUSED, "missing", rest)
        for value in SECONDS:
            yield Wrong(REFUSED, f"{value} s", rest + piece(number, BYTES, piece(1, VARINT, varint(value))))
        for value in NANOS:
            yield Wrong(REFUSED, f"{value} ns", rest + piece(number, BYTES, piece(1, VARINT, b"\1") + piece(2, VARINT, varint(value))))


def wrong_types(field, rest):
    """The field's number with what belongs to another type, and lengths that lie."""
    right = {Field.TYPE_STRING: BYTES, Field.TYPE_BYTES: BYTES, Field.TYPE_MESSAGE: BYTES, Field.TYPE_FLOAT: FIXED32,
             Field.TYPE_DOUBLE: FIXED64}.get(field.type, VARINT)
    contents = {VARINT: b"\1", FIXED64: bytes(8), BYTES: b"", GROUP: piece(field.number, GROUP_END), GROUP_END: b"", FIXED32: bytes(4), 6: b"", 7: b""}
    for wire, content in contents.items():
        if wire != right and not (field.label == Field.LABEL_REPEATED and wire == BYTES):
            yield Wrong(BROKEN, f"wire type {wire}", rest + piece(field.number, wire, content))
    if right == BYTES:
        for length in (1, 2**31 - 1, 2**32 - 1, 2**63, 2**64 - 1):
            yield Wrong(BROKEN, f"a length of {length}", rest + varint(field.number << 3 | BYTES) + varint(length))
    if field.type == Field.TYPE_MESSAGE:
        for inner in (b"\xff", piece(1, BYTES, b"1"), piece(1, GROUP), b"\x08" + b"\xff" * 11):
            yield Wrong(BROKEN, f"nested {inner[:8]}", rest + piece(field.number, BYTES, inner))


def broken(message):
    """The message cut where it is none any more, and what is no message from its first byte on."""
    whole = message.SerializeToString()
    for n in range(1, len(whole)):
        try:
            type(message).FromString(whole[:n])
        except DecodeError:
            yield Wrong(BROKEN, f"cut after {n}", whole[:n])
    for tail in (b"\xff", b"\0\0", b"\x80" * 10, b"\xff" * 11, piece(999, GROUP), piece(2**29 - 1, 6), piece(999, BYTES, b"x")[:-1]):
        yield Wrong(BROKEN, f"followed by {tail[:8]}", whole + tail)


def wrong_requests(message):
    for field in message.DESCRIPTOR.fields:
        rest = without(message, field)
        for make in (wrong_values, wrong_types):
            for wrong in make(field, rest):
                yield wrong._replace(what=f"{field.name}: {wrong.what}")
    yield from broken(message)


def with_unknown_fields(message):
    """What a client of a later version may send."""
    return b"".join((piece(900, VARINT, b"\1"), message.SerializeToString(), piece(901, BYTES, b"later"), piece(902, FIXED32, bytes(4)),
                     piece(903, FIXED64, bytes(8)), piece(2**29 - 1, BYTES)))
