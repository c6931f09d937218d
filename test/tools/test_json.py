# SPDX-License-Identifier: MIT
"""The JSON codec beside Google's: random messages of every kind that svcd knows, both ways, and broken texts."""

import json
import os
import random
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, json_format
from google.protobuf.message_factory import MessageFactory

ROOT = Path(__file__).resolve().parents[2]
PIPE = ROOT / "build" / os.environ.get("FLAVOUR", "release") / "json_pipe"

# The greatest float is missing: its shortest text, 3.4028235e+38, is too great for Google's reader (test_json_values.c has it).
EDGES = {
    "int32": [0, 1, -1, 2**31 - 1, -2**31],
    "int64": [0, 1, -1, 2**53, 2**53 + 1, -2**53 - 1, 2**63 - 1, -2**63],
    "uint32": [0, 1, 2**32 - 1],
    "uint64": [0, 1, 2**53 + 1, 2**63, 2**64 - 1],
    "double": [0.0, -0.0, 0.1, 1 / 3, 5e-324, 1.7976931348623157e308, float("nan"), float("inf"), float("-inf"), 1e22, 123456.789],
    "float": [0.0, -0.0, 0.5, 4.3, 1e-45, 3.4028232635611926e38, float("nan"), float("inf"), float("-inf"), 16777216.0],
}
CHARACTERS = 'abc XYZ 09 "\\/<>&\b\f\n\r\t\x00\x01\x1f\x7f\x80éüß世界\u2028\ufeff\uffff😀\U0010ffff'


class Pipe:
    def __init__(self):
        self.process = subprocess.Popen([PIPE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, way, name, data):
        """The other form and None, or None and what is wrong."""
        self.process.stdin.write(f"{way} {name} {len(data)}\n".encode() + data)
        self.process.stdin.flush()
        word, size = self.process.stdout.readline().split()
        answer = self.process.stdout.read(int(size))
        return (answer, None) if word == b"ok" else (None, answer.decode())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


def messages():
    """The class of every request and reply, and of every message of json_types.proto."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["/usr/bin/protoc", f"--descriptor_set_out={out.name}", "--include_imports", "-Iproto", "-Itest/unit", "-I/usr/include",
                        "json_types.proto", *(p.name for p in sorted((ROOT / "proto").glob("*.proto")))], cwd=ROOT, check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    names = {"json_types.All", "json_types.Lists", "json_types.Presence"}
    for file in files.file:
        pool.Add(file)
        for service in file.service:
            for method in service.method:
                names |= {method.input_type[1:], method.output_type[1:]}
    factory = MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(name)) for name in sorted(names)}


class Values:
    """Random contents, with a liking for the ends of each type."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def integer(self, kind):
        bits = int(kind.lstrip("uint"))
        if self.random.random() < 0.4:
            return self.random.choice(EDGES[kind])
        value = self.random.getrandbits(self.random.randint(1, bits))
        return value if kind.startswith("u") else value - (1 << (bits - 1)) if value >> (bits - 1) else value

    def real(self, kind):
        if self.random.random() < 0.4:
            return self.random.choice(EDGES[kind])
        value, = struct.unpack("<f" if kind == "float" else "<d", self.random.randbytes(4 if kind == "float" else 8))
        return value if value == value else 0.25  # JSON has but one NaN

    def text(self):
        return "".join(self.random.choice(CHARACTERS) for _ in range(self.random.choice([0, 1, 3, 10, 50, 200])))

    def value(self, field):
        kinds = {field.TYPE_INT32: "int32", field.TYPE_SINT32: "int32", field.TYPE_SFIXED32: "int32", field.TYPE_INT64: "int64",
                 field.TYPE_SINT64: "int64", field.TYPE_SFIXED64: "int64", field.TYPE_UINT32: "uint32", field.TYPE_FIXED32: "uint32",
                 field.TYPE_UINT64: "uint64", field.TYPE_FIXED64: "uint64"}
        if field.type in kinds:
            return self.integer(kinds[field.type])
        if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
            return self.real("double" if field.type == field.TYPE_DOUBLE else "float")
        if field.type == field.TYPE_BOOL:
            return self.random.random() < 0.5
        if field.type == field.TYPE_STRING:
            return self.text()
        if field.type == field.TYPE_BYTES:
            return self.random.randbytes(self.random.choice([0, 1, 2, 3, 100]))
        numbers = [v.number for v in field.enum_type.values]
        return self.random.choice(numbers + [1234567])

    def fill(self, message, depth=0):
        if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
            message.seconds = self.random.choice([-62135596800, 253402300799, 0, -1, self.random.randint(-62135596800, 253402300799)])
            message.nanos = self.random.choice([0, 5 * 10**8, 1000, 1, 999999999])
            return message
        for field in message.DESCRIPTOR.fields:
            if self.random.random() < 0.3 or (field.message_type and depth > 3):
                continue
            if field.label == field.LABEL_REPEATED:
                for _ in range(self.random.choice([0, 1, 2, 5])):
                    if field.message_type:
                        self.fill(getattr(message, field.name).add(), depth + 1)
                    else:
                        getattr(message, field.name).append(self.value(field))
            elif field.message_type:
                getattr(message, field.name).SetInParent()
                self.fill(getattr(message, field.name), depth + 1)
            else:
                setattr(message, field.name, self.value(field))
        return message


def same(ours, theirs):
    """Whether two JSON values agree; they may write a real number differently."""
    if isinstance(theirs, float) or isinstance(ours, float):
        return type(ours) in (int, float) and (ours == theirs or abs(ours - theirs) <= 1e-6 * abs(theirs) + 1e-44)
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and list(ours) == list(theirs) and all(same(ours[k], theirs[k]) for k in ours)
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


class Json(unittest.TestCase):
    ROUNDS = 25

    @classmethod
    def setUpClass(cls):
        cls.classes = messages()

    def setUp(self):
        self.pipe = Pipe()
        self.seed = random.randrange(2**32)

    def tearDown(self):
        self.assertEqual(self.pipe.close(), 0, f"the codec ended with a fault; seed {self.seed}")

    def each(self):
        values = Values(self.seed)
        for name, message in self.classes.items():
            for _ in range(self.ROUNDS * (4 if name.startswith("json_types") else 1)):
                yield name, values.random, values.fill(message())

    def test_what_we_write_googles_reader_takes_for_the_same_message_in_the_same_words(self):
        for name, _, message in self.each():
            text, wrong = self.pipe.ask("write", name, message.SerializeToString())
            self.assertIsNone(wrong, f"{name}, seed {self.seed}: {message}")
            back = json_format.Parse(text.decode(), type(message)())
            self.assertEqual(back.SerializeToString(), message.SerializeToString(), f"{name}, seed {self.seed}: {text}")
            theirs = json.loads(json_format.MessageToJson(message))
            self.assertTrue(same(json.loads(text), theirs), f"{name}, seed {self.seed}: {text} is not {theirs}")
            self.assertNotIn(b"\n", text)

    def test_what_googles_writer_writes_in_any_style_we_read_as_the_same_message(self):
        for name, rng, message in self.each():
            style = {"preserving_proto_field_name": rng.random() < 0.5, "use_integers_for_enums": rng.random() < 0.5,
                     "including_default_value_fields": rng.random() < 0.5, "ensure_ascii": rng.random() < 0.5,
                     "indent": rng.choice([0, 2, None])}
            text = json_format.MessageToJson(message, **style).encode()
            wire, wrong = self.pipe.ask("read", name, text)
            self.assertIsNone(wrong, f"{name}, seed {self.seed}: {text}")
            back = type(message).FromString(wire)
            self.assertEqual(back.SerializeToString(), message.SerializeToString(), f"{name}, seed {self.seed}: {text}")

    def test_a_text_in_which_something_was_changed_is_refused_or_read_as_google_does(self):
        for name, rng, message in self.each():
            text = bytearray(json_format.MessageToJson(message, indent=None).encode())
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(len(text))
                change = rng.randrange(4)
                if change == 0:
                    text[at] = rng.choice(b'{}[]",:\\0123456789.eE+-ntfu \n\x00\x80\xff')
                elif change == 1:
                    del text[at:at + rng.randint(1, 8)]
                elif change == 2:
                    text[at:at] = text[rng.randrange(len(text)):][:rng.randint(1, 20)]
                else:
                    del text[at:]
                if not text:
                    break
            wire, wrong = self.pipe.ask("read", name, bytes(text))
            if wrong is not None:
                self.assertRegex(wrong, r" \(line \d+, column \d+, byte \d+\)$")
                continue
            if b"-0" in text:
                continue  # an integer without a sign to Google's reader
            ours = type(message).FromString(wire)
            try:
                theirs = json_format.Parse(bytes(text).decode(), type(message)())
            except json_format.ParseError:
                continue  # it knows no "1e3" in quotation marks, and no lower bound of a float
            self.assertEqual(ours.SerializeToString(), theirs.SerializeToString(), f"{name}, seed {self.seed}: {bytes(text)}")

    def test_any_bytes_are_a_message_to_write_or_are_refused(self):
        for name, rng, message in self.each():
            wire = bytearray(message.SerializeToString() or b"\x08\x01")
            for _ in range(rng.randint(1, 4)):
                wire[rng.randrange(len(wire))] = rng.randrange(256)
            text, wrong = self.pipe.ask("write", name, bytes(wire[:rng.randint(0, len(wire))]))
            if wrong is None:
                json.loads(text)
