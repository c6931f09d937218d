# SPDX-License-Identifier: MIT
"""tools/protoc-gen-svcd: what it makes of methods, and that it refuses what svcd cannot serve, with file and line."""

import re
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

    def run_on(self, *texts, options=""):
        names = [f"greet{i or ''}.proto" for i in range(len(texts))]
        for name, text in zip(names, texts):
            (self.folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
        return subprocess.run(["/usr/bin/protoc", f"--plugin=protoc-gen-svcd={PLUGIN}", f"--svcd_out={options}:{self.folder}", "-I.", "-I/usr/include",
                               *names], cwd=self.folder, capture_output=True, text=True)

    def made_of(self, *texts):
        done = self.run_on(*texts)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [(self.folder / name).read_text() for name in ("methods.h", "methods.c", "rpc_names.h")]

    def test_a_method_without_handler_is_told_with_its_place_and_what_to_write(self):
        self.made_of(GREETER)
        service = self.folder / "greet.c"
        for text, told in (("enum next greet_say_hello5_times_by_id(\n    struct call *call", ""),
                           ("return greet_say_hello5_times_by_id(call, req);\n",
                            "proto/greet.proto:6: SayHello5TimesByID has no handler; write `enum next greet_say_hello5_times_by_id("
                            "struct call *call, const greet_package_HelloRequest *req)` in src/services/greet.c\n")):
            service.write_text(text)
            done = subprocess.run([PLUGIN.parent / "handlers", self.folder / "handlers.txt", service], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (1 if told else 0, told))

    def test_a_handler_without_method_is_told_with_its_place_and_what_to_do(self):
        self.made_of(GREETER)
        service = self.folder / "greet.c"
        handler = "enum next greet_say_hello5_times_by_id(struct call *call,\n"
        for text, header, told in (("enum next greet_wave(\n    struct call *call", "", f"{service}:2: greet_wave is the handler of no method; "
                                    "add its rpc to proto/greet.proto, or make it static\n"),
                                   ("static enum next greet_wave(struct call *call", "", ""),
                                   ("enum next other_wave(struct call *call", "", ""),
                                   ("enum next greet_wave(struct call *call", "enum next greet_wave(struct call *call);", "")):
            service.write_text(handler + text)
            service.with_suffix(".h").write_text(header)
            done = subprocess.run([PLUGIN.parent / "handlers", self.folder / "handlers.txt", service], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (1 if told else 0, told))

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
        self.assertIn('.path = "/greet_package.Greeter/SayHello5TimesByID", .kind = METHOD_UNARY, '
                      '.handle = handle_greet_say_hello5_times_by_id', source)
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


    def test_a_server_stream_gets_a_sender_with_a_continuation(self):
        header, source, _ = self.made_of(GREETER.replace("(HelloReply)", "(stream HelloReply)"))
        self.assertIn("CALL_MUST_USE enum next stream_send_say_hello5_times_by_id(struct call *call, greet_package_HelloReply message,\n"
                      "    enum next (*then)(struct call *call));", header)
        self.assertNotIn("CALL_MUST_USE enum next reply_say_hello5", header)
        self.assertIn(".kind = METHOD_SERVER_STREAM", source)

    def test_the_sender_of_another_kind_is_refused_by_the_compiler_with_the_right_one(self):
        for kind, name, words in (
                ("(HelloReply)", "stream_send_", "it is no stream: answer with reply_say_hello5_times_by_id()"),
                ("(stream HelloReply)", "reply_", "it is a stream: send with stream_send_say_hello5_times_by_id(), and end with stream_end()")):
            header, _, _ = self.made_of(GREETER.replace("(HelloReply)", kind))
            made = re.search(rf"^enum next {name}say_hello5_times_by_id.*;$", header, re.M)[0]
            done = subprocess.run(["gcc", "-xc", "-c", "-o", "/dev/null", "-"], capture_output=True, text=True,
                                  input=f"enum next {{ NONE }};\nstruct call;\n{made}\n"
                                        f"enum next it(struct call *c) {{ return {name}say_hello5_times_by_id(c); }}\n")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"proto/greet.proto:6: SayHello5TimesByID: {words}", done.stderr)

    def test_a_dialogue_is_written_like_a_unary_method(self):
        header, source, _ = self.made_of(GREETER.replace("(HelloRe", "(stream HelloRe"))
        self.assertIn("CALL_MUST_USE enum next reply_say_hello5_times_by_id(struct call *call, greet_package_HelloReply reply);", header)
        self.assertIn(".kind = METHOD_DIALOGUE", source)
        self.assertIn("stream_reply(call, ", source)

    def test_text_below_the_top_of_a_request_is_listed_with_its_message(self):
        _, source, _ = self.made_of(GREETER.replace("Tone tone = 2;", "Inner inner = 2;") + "\n    message Inner {\n      string text = 9;\n    }\n")
        self.assertIn('rpc_text greet_package_Inner_text[] = {\n    { .tag = 9, .name = "text" },\n', source)
        self.assertIn('{ .tag = 2, .name = "inner", .fields = greet_package_Inner_text, .fields_n = 1 }', source)

    def test_a_oneof_is_served_and_its_text_checked(self):
        _, source, _ = self.made_of(GREETER.replace("Tone tone = 2;", "oneof it {\n        int64 a = 3;\n        string b = 4;\n      }"))
        self.assertIn('{ .tag = 4, .name = "b" }', source)

    def test_another_name_of_a_service_shares_its_handlers(self):
        other = """\
            syntax = "proto3";
            package old_package;
            service Greeter {
              rpc SayHello5TimesByID(HelloRequest) returns (HelloReply);
            }
            message HelloRequest { string name = 1; }
            message HelloReply { bool status = 1; }
            """
        done = self.run_on(GREETER, other, options="old_package.Greeter=greet_package.Greeter")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        source = (self.folder / "methods.c").read_text()
        self.assertEqual(source.count(".handle = handle_greet_say_hello5_times_by_id"), 2)
        self.assertIn('.path = "/old_package.Greeter/SayHello5TimesByID"', source)

    def test_every_file_and_the_names_in_it_are_described(self):
        self.made_of(GREETER)
        source = (self.folder / "descriptors.c").read_text()
        self.assertIn('.name = "greet.proto"', source)
        for name in ("greet_package.Greeter", "greet_package.Greeter.SayHello5TimesByID", "greet_package.HelloRequest.name", "greet_package.RUDE"):
            self.assertIn(f'{{ "{name}", 0 }}', source)


class Refusals(Plugin):
    def test_a_stream_of_requests_that_are_not_answered_one_by_one(self):
        self.refused_instead(6, "SayHello5TimesByID: a stream of requests is supported only where each is answered", "(HelloRequest)",
                             "(stream HelloRequest)")

    def test_optional_is_no_oneof(self):
        self.made_of(GREETER.replace("Tone tone", "optional Tone tone").replace("bool status", "optional bool status"))

    def test_a_map(self):
        self.refused_instead(16, "tone: maps are not supported", "Tone tone", "map<int64, int64> tone")

    def test_proto2(self):
        self.refused(1, 'only syntax = "proto3"', GREETER.replace("proto3", "proto2").replace("string name", "optional string name")
                     .replace("Tone tone", "optional Tone tone").replace("bool status", "optional bool status"))

    def test_methods_of_one_name(self):
        self.refused(25, "SayHello5TimesByID: .*already made for proto/greet.proto:6; .*rename one", GREETER + """
    service Other {
      rpc SayHello5TimesByID(HelloRequest) returns (HelloReply);
    }
    """)

    def test_methods_whose_names_become_one(self):
        self.refused_instead(7, "already made for proto/greet.proto:6", "(HelloRequest) returns (HelloReply);",
                             "(HelloRequest) returns (HelloReply);\n      rpc SayHello5Times_By_ID(HelloRequest) returns (HelloReply);")

    def test_enums_and_secrets_below_the_top_of_a_request(self):
        inner = "\n    message Inner {\n      %s\n    }\n"
        for field, name in (("string password = 1;", "password"), ("Tone tone = 1;", "tone")):
            with self.subTest(field=field):
                self.refused(25, f"{name}: .*top level", GREETER.replace("Tone tone = 2;", "Inner tone = 2;") + inner % field)

    def test_another_name_of_a_service_that_is_not_there(self):
        done = self.run_on(GREETER, options="greet_package.Greeter=greet_package.Nobody")
        self.assertIn("greet.proto:6: SayHello5TimesByID: there is no greet_package.Nobody/SayHello5TimesByID", done.stderr)

    def test_a_repeated_enum_of_a_request(self):
        self.refused_instead(16, "tone: a repeated enum", "Tone tone", "repeated Tone tone")

    def test_a_request_that_holds_itself(self):
        self.refused(25, "next: .*itself", GREETER.replace("Tone tone", "Node tone") + "\n    message Node {\n      Node next = 1;\n    }\n")

    def test_a_field_that_is_a_word_of_c(self):
        self.refused_instead(18, "register: a word of C cannot name a field", "string others = 5;", "string others = 5;\n      bool register = 6;")
        self.refused_instead(21, "default: a word of C cannot name a field", "bool status = 1;", "bool default = 1;")

    def test_a_file_whose_name_is_none_in_c(self):
        (self.folder / "my-greet.proto").write_text(textwrap.dedent(GREETER))
        done = subprocess.run(["/usr/bin/protoc", f"--plugin=protoc-gen-svcd={PLUGIN}", f"--svcd_out={self.folder}", "-I.", "my-greet.proto"],
                              cwd=self.folder, capture_output=True, text=True)
        self.assertIn("proto/my-greet.proto:1: the name of the file becomes part of names in C: expected lower_case_words.proto", done.stderr)

    def test_a_file_without_package(self):
        self.refused_instead(1, "package", "    package greet_package;\n", "")
