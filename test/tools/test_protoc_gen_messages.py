# SPDX-License-Identifier: MIT
"""tools/protoc-gen-messages: what it makes of messages, and that it refuses what JSON by its tables would get wrong."""

import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

PLUGIN = Path(__file__).resolve().parents[2] / "tools/protoc-gen-messages"

GREETER = """\
    syntax = "proto3";

    package greet_package;

    import "google/protobuf/timestamp.proto";

    service Greeter {
      rpc SayHello(HelloRequest) returns (HelloReply);
      rpc Watch(HelloRequest) returns (stream HelloReply);
    }

    enum Tone {
      POLITE = 0;
      RUDE = -7;
    }

    message HelloRequest {
      repeated Tone some_tones = 5;
      string password = 1;
      oneof which {
        int32 number = 2;
        bool flag = 3;
      }
      repeated int64 unpacked = 9 [packed = false];
    }

    message HelloReply {
      optional bool status = 1;
      google.protobuf.Timestamp at = 2;
    }
    """


class Messages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_on(self, text, options=""):
        (self.folder / "greet.proto").write_text(textwrap.dedent(text), encoding="utf-8")
        return subprocess.run(["/usr/bin/protoc", f"--plugin=protoc-gen-messages={PLUGIN}", f"--messages_out={options}{self.folder}", "-I.",
                               "-I/usr/include", "greet.proto"], cwd=self.folder, capture_output=True, text=True)

    def made_of(self, text, options="", name="messages"):
        done = self.run_on(text, options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [" ".join((self.folder / f"{name}.{end}").read_text().split()) for end in ("h", "c")]

    def refused_with(self, line, words, old, new):
        self.assertEqual(GREETER.count(old), 1)
        done = self.run_on(GREETER.replace(old, new))
        self.assertNotEqual(done.returncode, 0, "it was taken")
        self.assertNotIn("Traceback", done.stderr)
        self.assertIn(f"greet.proto:{line}: ", done.stderr)
        self.assertRegex(done.stderr, words)

    def test_fields_stand_in_the_order_of_their_numbers_with_both_names(self):
        _, source = self.made_of(GREETER)
        self.assertLess(source.index('.name = "password"'), source.index('.name = "some_tones"'))
        self.assertIn('.name = "some_tones", .json_name = "someTones", .name_len = 10, .json_name_len = 9, .number = 5, .type = FIELD_ENUM, '
                      '.repeated = true, .packed = true, .enumeration = &enum_greet_package_Tone,', source)
        self.assertIn('.number = 9, .type = FIELD_INT64, .repeated = true, }', source)

    def test_presence_is_that_of_optional_fields_oneofs_and_messages(self):
        _, source = self.made_of(GREETER)
        self.assertIn('.type = FIELD_BOOL, .presence = true, }', source)
        self.assertIn('.number = 2, .type = FIELD_INT32, .presence = true, .oneof = 1, }', source)
        self.assertIn('.type = FIELD_MESSAGE, .presence = true, .message = &message_google_protobuf_Timestamp, }', source)

    def test_text_called_password_is_secret(self):
        _, source = self.made_of(GREETER)
        self.assertIn('.type = FIELD_STRING, .secret = true, }', source)

    def test_a_method_names_its_messages_and_whether_they_are_streams(self):
        _, source = self.made_of(GREETER)
        self.assertIn('{ "/greet_package.Greeter/Watch", &message_greet_package_HelloRequest, &message_greet_package_HelloReply, false, true }', source)

    def test_beside_another_header_nothing_imported_is_defined_twice(self):
        header, source = self.made_of(GREETER, "name=more,beside=messages.h:", "more")
        self.assertIn('#include "messages.h"', header)
        self.assertNotIn("struct message_desc message_google", source)

    def test_what_is_made_compiles_without_a_warning(self):
        self.made_of(GREETER)
        done = subprocess.run(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{PLUGIN.parents[1] / 'src'}", "-I.", "messages.c"],
                              cwd=self.folder, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_maps_are_refused_with_their_line(self):
        self.refused_with(19, "maps are not supported", "string password = 1;", "map<string, int32> password = 1;")

    def test_well_known_types_with_a_form_of_their_own_are_refused(self):
        done = self.run_on(GREETER.replace("google/protobuf/timestamp", "google/protobuf/duration").replace("protobuf.Timestamp", "protobuf.Duration"))
        self.assertNotEqual(done.returncode, 0, "it was taken")
        self.assertRegex(done.stderr, r"google/protobuf/duration.proto:\d+: google.protobuf.Duration has a form of its own in JSON")

    def test_more_fields_than_the_reader_can_tell_apart_are_refused(self):
        fields = "\n".join(f"int32 f{i} = {i};" for i in range(1, 66))
        self.refused_with(27, "HelloReply: more than 64 fields", "optional bool status = 1;\n      google.protobuf.Timestamp at = 2;", fields)
