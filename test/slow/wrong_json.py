# SPDX-License-Identifier: MIT
"""JSON made from a right request, wrong in one place."""

import json

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as Field
from wrong_requests import MALFORMED, NO_TEXTS, REFUSED, Wrong

# What is no value of any type that a field here has, and what may be read but is out of the range of its type's fields.
NO_VALUES = ("{}", "[[]]", "tru", "nul", "'x'", "+1", "01", "1.", ".5", "-", "1e", "0x1", "1.5.1", '"', '"\\', '"\\u12', '"\\ud800"', '"\\udc00\\ud800"',
             '"\\x41"', '"a\\u0000b"', '"\1"', "NaN", "Infinity", "1e999", "-1e999", "9" * 400, "[" * 10_000, '{"a":' * 10_000, "//", "[1,]", "[,1]")
BEYOND = {"INT": ("-1", "0", "1.5", '"x"', '""', '" 1"', "true", "2147483648", '"9223372036854775808"', "1e30", '"NaN"'),
          "FLOAT": ('"NaN"', '"Infinity"', "-1", "5.001", "1e38", '"x"', "true"),
          "STRING": ("1", "true", f'"{"x" * 10_001}"'),
          "ENUM": ('"NOBODY"', "99", "-1", "1.5", "true", '""'),
          "MESSAGE": ('""', "1", '"x"', '"2000-13-01T00:00:00Z"', '"2000-02-30T00:00:00Z"', '"2000-01-01"', '"2000-01-01T00:00:00"',
                      '"0000-01-01T00:00:00Z"', '"10000-01-01T00:00:00Z"', '"2000-01-01T24:00:00Z"', '"2000-01-01T00:00:00.0000000001Z"')}
TYPES = {Field.TYPE_INT64: "INT", Field.TYPE_INT32: "INT", Field.TYPE_FLOAT: "FLOAT", Field.TYPE_STRING: "STRING", Field.TYPE_ENUM: "ENUM",
         Field.TYPE_MESSAGE: "MESSAGE"}


def wrong_json(message):
    """As wrong_requests makes them, in JSON."""
    whole = json_format.MessageToDict(message, including_default_value_fields=True)
    text = json.dumps(whole)
    for n in range(len(text)):
        yield Wrong(MALFORMED, f"cut after {n}", text[:n].encode())
    for tail in ("x", "{}", ",", "\0", "]"):
        yield Wrong(MALFORMED, f"followed by {tail!r}", (text + tail).encode())
    for other in ("[]", "1", "null", '""', '{"nobody":1}', '{"":1}', "{,}", '{"a"}', "{1:1}"):
        yield Wrong(MALFORMED, other, other.encode())
    for field in message.DESCRIPTOR.fields:
        if field.label == Field.LABEL_REPEATED or field.containing_oneof or field.type not in TYPES:
            continue
        key = json.dumps(field.json_name)
        rest = json.dumps({name: value for name, value in whole.items() if name != field.json_name})[:-1]
        rest += ", " if len(rest) > 1 else ""
        for verdict, values in ((MALFORMED, NO_VALUES), (REFUSED, BEYOND[TYPES[field.type]])):
            for value in values:
                yield Wrong(verdict, f"{field.name}: {value[:20]}", f"{rest}{key}: {value}}}".encode())
        yield Wrong(MALFORMED, f"{field.name} twice", f"{rest}{key}: null, {key}: null, {key}: 1, {key}: 1}}".encode())
        for no_text in NO_TEXTS:
            yield Wrong(MALFORMED, f"{field.name}: {no_text[-8:]}", f'{rest}{key}: "'.encode() + no_text + b'"}')
