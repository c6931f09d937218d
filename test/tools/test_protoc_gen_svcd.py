# SPDX-License-Identifier: MIT
"""tools/protoc-gen-svcd: what it makes of methods, and that it refuses what svcd cannot serve, with file and line."""

import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

PLUGIN = Path(__file__).resolve().parents[2] / "tools/protoc-gen-svcd"

GREETER = """\
    syntax = "proto3";

    package greet_package;

    service Greeter {
      rpc SayHello5TimesByID(HelloRequest) returns (HelloReply);
    }

    enum Tone {
      POLITE = 0;
      RUDE = 7;
    }

    message HelloRequest {
      string name = 1;
      Tone tone = 2;
      repeated string others = 5;
    }

    message HelloReply {
      bool status = 1;
    }
    """


class Plugin(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_on(self, *texts):
        names = [f"greet{i or ''}.proto" for i in range(len(texts))]
        for name, text in zip(names, texts):
            (self.folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
        return subprocess.run(["/usr/bin/protoc", f"--plugin=protoc-gen-svcd={PLUGIN}", f"--svcd_out={self.folder}", "-I.", "-I/usr/include",
                               *names], cwd=self.folder, capture_output=True, text=True)

    def made_of(self, *texts):
        done = self.run_on(*texts)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [(self.folder / name).read_text() for name in ("methods.h", "methods.c", "rpc_names.h")]

    def refused(self, line, words, *texts):
        done = self.run_on(*texts)
        self.assertNotEqual(done.returncode, 0, "it was taken")
        self.assertNotIn("Traceback", done.stderr)
        self.assertIn(f"{line}: " if isinstance(line, str) else f"greet.proto:{line}: ", done.stderr)
        self.assertRegex(done.stderr, words)
        self.assertFalse((self.folder / "methods.c").exists())

    def refused_instead(self, line, words, old, new):
        self.assertEqual(GREETER.count(old), 1)
        self.refused(line, words, GREETER.replace(old, new))


class Methods(Plugin):
    def test_a_method_becomes_a_prototype_a_typed_reply_and_a_row_of_the_table(self):
        header, source, names = self.made_of(GREETER)
        self.assertIn("enum next greet_say_hello5_times_by_id(struct call *call, const greet_package_HelloRequest *req);", header)
        self.assertIn("CALL_MUST_USE enum next reply_say_hello5_times_by_id(struct call *call, greet_package_HelloReply reply);", header)
        self.assertIn('.path = "/greet_package.Greeter/SayHello5TimesByID", .handle = handle_greet_say_hello5_times_by_id', source)
        self.assertIn("rpc_methods_n = 1;", source)
        self.assertIn('    "greet_package.Greeter",\n', source)
        self.assertIn('#define RPC_SAY_HELLO5_TIMES_BY_ID "/greet_package.Greeter/SayHello5TimesByID", ', names)

    def test_text_and_enums_of_a_request_are_listed_for_the_runtimes_checks(self):
        _, source, _ = self.made_of(GREETER)
        self.assertIn('{ .tag = 1, .name = "name" }', source)
        self.assertIn('{ .tag = 5, .name = "others" }', source)
        self.assertIn("greet_package_HelloRequest_tone_values[] = { 0, 7 };", source)
        self.assertIn('.meaning = "POLITE = 0, RUDE = 7"', source)

    def test_a_service_without_methods_is_listed(self):
        _, source, _ = self.made_of(GREETER + "\n    service Empty {}\n")
        self.assertIn('"greet_package.Empty"', source)
        self.assertIn("rpc_services_n = 2;", source)

    def test_a_request_may_be_shared_and_come_from_another_file(self):
        other = """\
            syntax = "proto3";
            package other_package;
            import "greet.proto";
            import "google/protobuf/empty.proto";
            service Other {
              rpc Wave(greet_package.HelloRequest) returns (google.protobuf.Empty);
            }
            """
        header, source, _ = self.made_of(GREETER, other)
        self.assertIn("enum next greet1_wave(struct call *call, const greet_package_HelloRequest *req);", header)
        self.assertEqual(source.count("rpc_text greet_package_HelloRequest_text[]"), 1)


class Refusals(Plugin):
    def test_streaming(self):
        self.refused_instead(6, "SayHello5TimesByID: streaming methods are not supported", "(HelloRequest)", "(stream HelloRequest)")
        self.refused_instead(6, "streaming methods are not supported", "(HelloReply)", "(stream HelloReply)")

    def test_a_oneof(self):
        self.refused_instead(17, "a: oneof is not supported", "Tone tone = 2;", "oneof it {\n        int64 a = 3;\n      }")

    def test_a_oneof_in_a_reply(self):
        self.refused_instead(22, "a: oneof is not supported", "bool status = 1;", "oneof it {\n        bool a = 1;\n      }")

    def test_optional_is_no_oneof(self):
        self.made_of(GREETER.replace("Tone tone", "optional Tone tone").replace("bool status", "optional bool status"))

    def test_a_map(self):
        self.refused_instead(16, "tone: maps are not supported", "Tone tone", "map<int64, int64> tone")

    def test_proto2(self):
        self.refused(1, 'only syntax = "proto3"', GREETER.replace("proto3", "proto2").replace("string name", "optional string name")
                     .replace("Tone tone", "optional Tone tone").replace("bool status", "optional bool status"))

    def test_methods_of_one_name(self):
        self.refused(25, "SayHello5TimesByID: .*already made for greet.proto:6", GREETER + """
    service Other {
      rpc SayHello5TimesByID(HelloRequest) returns (HelloReply);
    }
    """)

    def test_methods_whose_names_become_one(self):
        self.refused_instead(7, "already made for greet.proto:6", "(HelloRequest) returns (HelloReply);",
                             "(HelloRequest) returns (HelloReply);\n      rpc SayHello5Times_By_ID(HelloRequest) returns (HelloReply);")

    def test_text_and_enums_below_the_top_of_a_request(self):
        inner = "\n    message Inner {\n      %s\n    }\n"
        for field, name in (("string text = 1;", "text"), ("Tone tone = 1;", "tone")):
            with self.subTest(field=field):
                self.refused(25, f"{name}: .*top level only", GREETER.replace("Tone tone = 2;", "Inner tone = 2;") + inner % field)

    def test_a_repeated_enum_of_a_request(self):
        self.refused_instead(16, "tone: a repeated enum", "Tone tone", "repeated Tone tone")

    def test_a_request_that_holds_itself(self):
        self.refused(25, "next: .*itself", GREETER.replace("Tone tone", "Node tone") + "\n    message Node {\n      Node next = 1;\n    }\n")

    def test_a_file_without_package(self):
        self.refused_instead(1, "package", "    package greet_package;\n", "")
