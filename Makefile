# SPDX-License-Identifier: MIT
# Builds, runs, tests and installs svcd. `make help` lists what it can do.
#
# Everything made lands in build/ (one folder a flavour) and generated/; sources are found by wildcard,
# so a new file in src/, proto/, sql/ or test/ needs no line here.

VERSION := 0.2.0

FLAVOUR ?= release
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
WERROR ?= -Werror
LTO ?=

# Debian's own Python and protoc: the generators and examples use modules packaged for them.
PYTHON := /usr/bin/python3
PROTOC := /usr/bin/protoc
# After its arguments: what it says begins with the file's path from here.
PROTOC_SAYS = 2>&1 | sed -E 's/^--[a-z_]+_out: //; s|^([A-Za-z0-9_.-]+\.proto:)|proto/\1|' >&2; exit $${PIPESTATUS[0]}

O := build/$(FLAVOUR)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

# ---- flags ----------------------------------------------------------------------------------------------------

flavour_flags_release := -O2 -g -D_FORTIFY_SOURCE=2
flavour_flags_debug := -Og -g3
flavour_flags_asan := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
flavour_flags_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
flavour_flags_coverage := -Og -g --coverage -fprofile-update=atomic
flavour_flags_fuzz := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAVOUR_FLAGS := $(flavour_flags_$(FLAVOUR))
ifeq ($(FLAVOUR_FLAGS),)
$(error FLAVOUR=$(FLAVOUR) is none; use release, debug, asan, tsan, coverage or fuzz)
endif

# Looked up when first used, for on a fresh machine pkg-config is not there until `deps` has run.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags libuv libpq libsodium libcrypt inih libcurl))$(PKG_CFLAGS)

CC := $(if $(filter fuzz,$(FLAVOUR)),clang,gcc)
CPPFLAGS += -D_GNU_SOURCE -DSVCD_VERSION='"$(VERSION)"' -DPB_ENABLE_MALLOC=1 -Isrc -Igenerated
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wvla -Wno-missing-field-initializers $(WERROR)
CFLAGS += -std=gnu17 $(FLAVOUR_FLAGS) -fPIE -fstack-protector-strong -fstack-clash-protection $(if $(LTO),-flto=auto)
LDFLAGS += $(FLAVOUR_FLAGS) -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs,--as-needed $(if $(LTO),-flto=auto -O2)
# The gRPC core is linked statically: calls within it need no PLT and no look-up of thread-local storage, 9% fewer
# instructions an RPC; and so is what it is written with, a megabyte less of resident memory. What has security updates of
# its own (OpenSSL, zlib) stays dynamic. Looked up late, like PKG_CFLAGS.
GRPC_LIBS = $(eval GRPC_LIBS := -static-libgcc -Wl,-Bstatic $$(filter-out -lssl -lcrypto -lz,$$(shell pkg-config --libs grpc)) \
    -lstdc++ -Wl,-Bdynamic -lssl -lcrypto -lz)$(GRPC_LIBS)
# src/edge/core/core_flags.c says why.
CORE_WRAPPED := _Z40grpc_deframe_unprocessed_incoming_framesP18grpc_chttp2_streamPlPN9grpc_core11SliceBufferEPj
LDLIBS = -Wl,--wrap=$(CORE_WRAPPED) $(GRPC_LIBS) -lnghttp2 -lcurl -lprotobuf-nanopb -luv -lpq -lsodium -lcrypt -linih -lpthread -lm
CHECK_LIBS = $(shell pkg-config --libs check)

ifeq ($(FLAVOUR),fuzz)
WARNINGS := -Wall -Wextra -Wno-missing-field-initializers $(WERROR) # gcc's are asked for in the other flavours
endif

# What is only in assembler is not seen by an optimiser of whole programs.
$(O)/src/edge/core/core_flags.o: CFLAGS += -fno-lto

# Not ours to keep to our warnings.
$(O)/generated/%.o: WARNINGS := -Wall -Wno-unused-function $(WERROR)

# ---- what there is --------------------------------------------------------------------------------------------

PROTOS := $(wildcard proto/*.proto)
PROTO_OPTIONS := $(wildcard proto/*.options)
QUERIES := $(sort $(wildcard sql/queries/*.sql))
SCHEMA := $(sort $(wildcard sql/migrations/*.sql)) $(sort $(wildcard sql/functions/*.sql))

WELL_KNOWN := google/protobuf/timestamp google/protobuf/empty
# Services of gRPC's own, as the package grpc-proto has them.
STANDARD := grpc/reflection/v1/reflection grpc/reflection/v1alpha/reflection
# OpenTelemetry's, as it publishes them; test/otlp/README.md says where from.
OTLP := $(addprefix opentelemetry/proto/,common/v1/common resource/v1/resource trace/v1/trace collector/trace/v1/trace_service)
PROTO_PATHS := -Iproto -I/usr/include -I/usr/share/grpc-proto -Itest/otlp
GEN_PB := $(PROTOS:proto/%.proto=generated/%.pb) $(patsubst %,generated/%.pb,$(WELL_KNOWN) $(STANDARD) $(OTLP))
GEN_HEADERS := $(GEN_PB:%=%.h) generated/methods.h generated/rpc_names.h generated/statements.h generated/messages.h
GEN_SOURCES := $(GEN_PB:%=%.c) generated/methods.c generated/writes.c generated/descriptors.c generated/messages.c generated/documents.c generated/statements.c \
    generated/migrations.c

SOURCES := $(wildcard src/*.c src/*/*.c src/*/*/*.c)
UNIT_TESTS := $(wildcard test/unit/*.c)
RPC_TESTS := $(wildcard test/rpc/*.c)
TEST_SHARED := $(wildcard test/*.c)
FUZZ_SOURCES := $(wildcard test/fuzz/*.c)

objects = $(1:%.c=$(O)/%.o)
SVCD_OBJECTS := $(call objects,$(SOURCES) $(GEN_SOURCES))
SHARED_OBJECTS := $(filter-out $(O)/src/main.o,$(SVCD_OBJECTS))

# Rewrites $@ only if its text $(1) changed, so that what depends on it is remade exactly then.
# `$(sort)` keeps a list's order from mattering.
define remember
@mkdir -p $(@D)
@printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' > $@
endef

.PHONY: FORCE
FORCE:

# ---- build ----------------------------------------------------------------------------------------------------

.PHONY: all
all: $(if $(filter release,$(FLAVOUR)),build/svcd,$(O)/svcd) ## build build/svcd (FLAVOUR=release|debug|asan, LTO=1, WERROR=)

build/svcd: build/release/svcd
	@ln -f $< $@

$(O)/svcd: $(SVCD_OBJECTS)
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $(SVCD_OBJECTS) $(LDLIBS)

$(O)/flags: FORCE | deps-build
	$(call remember,$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) $(LDLIBS))

$(O)/%.o: %.c $(O)/flags | $(GEN_HEADERS) deps-build
	@mkdir -p $(@D)
	@echo "CC   $<"
	@$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(TEST_FLAGS) $(CFLAGS) $(WARNINGS) -MMD -MP -c -o $@ $<

$(O)/src/admin/pages.o: src/admin/page.html

-include $(patsubst %.o,%.d,$(SVCD_OBJECTS) $(call objects,$(UNIT_TESTS) $(RPC_TESTS) $(TEST_SHARED) test/tools/json_pipe.c $(FUZZ_SOURCES) tools/config-keys.c))

# ---- generated code -------------------------------------------------------------------------------------------

build/inputs/protos: FORCE
	$(call remember,$(sort $(PROTOS) $(PROTO_OPTIONS)))
build/inputs/queries: FORCE
	$(call remember,$(QUERIES))
build/inputs/schema: FORCE
	$(call remember,$(SCHEMA))

PROTO_INPUTS := $(PROTOS) $(PROTO_OPTIONS) build/inputs/protos

$(GEN_PB:%=%.c) $(GEN_PB:%=%.h) &: $(PROTO_INPUTS) | deps-build
	@echo "GEN  nanopb"
	@$(PROTOC) --plugin=protoc-gen-nanopb=/usr/bin/protoc-gen-nanopb --nanopb_out="-q -fproto/nanopb.options:generated" \
	    $(PROTO_PATHS) $(PROTOS) $(addsuffix .proto,$(WELL_KNOWN) $(STANDARD) $(OTLP)) $(PROTOC_SAYS)

generated/methods.c generated/methods.h generated/rpc_names.h generated/handlers.txt generated/descriptors.c &: $(PROTO_INPUTS) tools/protoc-gen-svcd | deps-build
	@echo "GEN  methods"
	@$(PROTOC) --plugin=protoc-gen-svcd=tools/protoc-gen-svcd --svcd_out=generated \
	    --svcd_opt=grpc.reflection.v1alpha.ServerReflection=grpc.reflection.v1.ServerReflection \
	    $(PROTO_PATHS) $(PROTOS) $(STANDARD:%=%.proto) $(PROTOC_SAYS)

# What compiler and linker would say of a method without handler, or the other way round, says neither where it stands nor
# what to write.
build/handlers: generated/handlers.txt tools/handlers $(wildcard src/services/*.c)
	@tools/handlers generated/handlers.txt src/services/*.c
	@touch $@
$(O)/generated/methods.o $(call objects,$(wildcard src/services/*.c)): | build/handlers

# Likewise of a job and what belongs to it.
build/jobs: tools/jobs src/jobs/table.c src/config/config_keys.c src/config/config.h $(QUERIES) $(wildcard sql/functions/*.sql)
	@mkdir -p build
	@tools/jobs
	@touch $@
$(call objects,src/jobs/table.c src/config/config_keys.c): | build/jobs

generated/writes.c: generated/handlers.txt tools/writes $(QUERIES) $(wildcard src/services/*.c)
	@tools/writes --out $@ generated/handlers.txt $(QUERIES) $(wildcard src/services/*.c)

generated/messages.c generated/messages.h &: $(PROTO_INPUTS) tools/protoc-gen-messages | deps-build
	@echo "GEN  messages"
	@$(PROTOC) --plugin=protoc-gen-messages=tools/protoc-gen-messages --messages_out=generated $(PROTO_PATHS) $(PROTOS) $(STANDARD:%=%.proto) $(PROTOC_SAYS)

# What the sweep of wrong requests is made from.
build/descriptors.pb: $(PROTO_INPUTS) | deps-build
	@mkdir -p build
	@$(PROTOC) --descriptor_set_out=$@ --include_imports $(PROTO_PATHS) $(PROTOS) $(STANDARD:%=%.proto) $(PROTOC_SAYS)

generated/documents.c generated/openapi.json generated/explorer.html &: $(PROTO_INPUTS) tools/protoc-gen-pages src/edge/http/explorer.html | deps-build
	@echo "GEN  pages"
	@$(PROTOC) --plugin=protoc-gen-pages=tools/protoc-gen-pages --pages_out=version=$(VERSION),page=src/edge/http/explorer.html:generated \
	    $(PROTO_PATHS) $(PROTOS) $(STANDARD:%=%.proto) $(PROTOC_SAYS)

generated/statements.c generated/statements.h &: $(QUERIES) tools/sqlgen build/inputs/queries | deps-build
	@echo "GEN  statements"
	@$(PYTHON) tools/sqlgen --out generated $(QUERIES)

generated/migrations.c: $(SCHEMA) tools/sqlgen build/inputs/schema | deps-build
	@echo "GEN  migrations"
	@$(PYTHON) tools/sqlgen --embed --out generated $(SCHEMA)

# ---- tests ----------------------------------------------------------------------------------------------------

# test/KIND/test_NAME.c exports `Suite *NAME_suite(void)`; suites.h, made here, lists them for test/KIND/main.c:
# prototypes, and EACH_SUITE(X) which applies X to every NAME. It is included into each test by the compiler.
suite_names = $(sort $(patsubst test/$(1)/test_%.c,%,$(filter test/$(1)/test_%.c,$(2))))
define suites_h
#include <check.h>\n$(foreach s,$(call suite_names,$(1),$(2)),Suite *$(s)_suite(void);\n)#define EACH_SUITE(X)$(foreach s,$(call suite_names,$(1),$(2)), X($(s)))
endef

define write_suites
@mkdir -p $(@D)
@printf '$(1)\n' | cmp -s - $@ || printf '$(1)\n' > $@
endef

# A test file without its suite would be told by the linker, or not at all.
define check_suites
@for file in $(filter test/$(1)/test_%.c,$(2)); do name=$${file##*/test_}; name=$${name%.c}; \
    [[ $$(< $$file) == *"Suite *$${name}_suite(void)"* ]] || \
    { echo "$$file:1: has no suite; end it with 'Suite *$${name}_suite(void)', which lists its tests" >&2; exit 1; }; done
endef

build/unit/suites.h: FORCE
	$(call check_suites,unit,$(UNIT_TESTS))
	$(call write_suites,$(call suites_h,unit,$(UNIT_TESTS)))
build/rpc/suites.h: FORCE
	$(call check_suites,rpc,$(RPC_TESTS))
	$(call write_suites,$(call suites_h,rpc,$(RPC_TESTS)))

# A message of every type, for the tests of JSON.
build/unit/json_types.c build/unit/json_types.h &: test/unit/json_types.proto tools/protoc-gen-messages | deps-build
	@mkdir -p build/unit
	@$(PROTOC) --plugin=protoc-gen-messages=tools/protoc-gen-messages \
	    --messages_out=name=json_types,beside=messages.h:build/unit -Itest/unit -I/usr/include json_types.proto
$(O)/build/unit/json_types.o: build/unit/json_types.c
$(call objects,$(UNIT_TESTS)): | build/unit/json_types.h

$(call objects,$(UNIT_TESTS)): build/unit/suites.h
$(call objects,$(RPC_TESTS)): build/rpc/suites.h
$(O)/test/unit/%.o: TEST_FLAGS = -Itest -Ibuild/unit -include build/unit/suites.h
$(O)/test/rpc/%.o: TEST_FLAGS = -Itest -include build/rpc/suites.h
$(call objects,$(UNIT_TESTS) $(RPC_TESTS) $(TEST_SHARED)): | deps-check

$(O)/unit: $(call objects,$(UNIT_TESTS) $(TEST_SHARED) build/unit/json_types.c) $(SHARED_OBJECTS)
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(CHECK_LIBS)

$(O)/rpc: $(call objects,$(RPC_TESTS) $(TEST_SHARED)) $(SHARED_OBJECTS)
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(CHECK_LIBS)

$(O)/config-keys: $(call objects,tools/config-keys.c $(wildcard src/config/*.c src/base/*.c src/observe/*.c))
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -linih -luv -lsodium
	@$@ > /dev/null

.PHONY: docs
docs: $(O)/config-keys ## write etc/svcd.conf and the keys of svcd.conf(5) from src/config/config_keys.c
	tools/config-docs $<

# The JSON codec as a filter, for test/tools/test_json.py.
$(O)/test/tools/%.o: TEST_FLAGS = -Ibuild/unit
$(O)/test/tools/json_pipe.o: | build/unit/json_types.h
$(O)/json_pipe: $(call objects,test/tools/json_pipe.c build/unit/json_types.c $(wildcard src/edge/http/json*.c) \
    src/base/bytes.c src/base/text.c generated/messages.c)
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -luv -lm

.PHONY: test-programs
# The fuzz targets are compiled with them, so that whoever changes what they use is told.
test-programs: $(O)/unit $(O)/rpc $(O)/json_pipe $(O)/svcd $(O)/config-keys $(O)/open_loop $(call objects,$(FUZZ_SOURCES))

.PHONY: check
check: test-programs examples deps-check ## build, lint and run the tests, 6 minutes (ONLY="lint tools unit rpc e2e" for some)
	@FLAVOUR=$(FLAVOUR) tools/check $(ONLY)

# Schemes of listeners, beside gRPC's own, through which the e2e tests run once more.
EDGES ?= http

.PHONY: check-slow
check-slow: test-programs $(O)/svcd-torture fuzz-program examples build/descriptors.pb build/test_pages.ok build/test_clients.ok deps-check ## the tests that take long: faults, abuse, endurance, every edge, fuzzing, torture; 15 minutes
	@FLAVOUR=$(FLAVOUR) EDGES="$(EDGES)" TORTURE_SAMPLE="$(or $(TORTURE_SAMPLE),40)" tools/check slow edges fuzz torture

.PHONY: check-history
check-history: test-programs examples deps-check ## 100 s of clients beside a database that is killed, frozen and cut off (HISTORY_S=, HISTORY_SEED=)
	@HISTORY_S=$(or $(HISTORY_S),100) $(if $(HISTORY_SEED),HISTORY_SEED=$(HISTORY_SEED)) tools/cluster with -- test/slow/run $(O)/svcd test_history

.PHONY: check-cluster
check-cluster: $(O)/svcd examples-python deps-cluster ## play failures at svcd over a Patroni cluster of three on loopback, 3 minutes
	@test/cluster/run $(O)/svcd

.PHONY: asan
asan: ## the same tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory FLAVOUR=asan check

.PHONY: valgrind
valgrind: ## unit and rpc tests under valgrind
	@$(MAKE) --no-print-directory FLAVOUR=debug test-programs deps-valgrind
	@FLAVOUR=debug WRAP="valgrind -q --fair-sched=yes --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite" \
	    tools/check unit rpc

# Each test/fuzz/fuzz_NAME.c is a target: `void fuzz_NAME(const uint8_t *data, size_t size)`. One program has them all, and
# runs the one by whose name it is called. `make fuzz` makes its flavour first.
FUZZ_TARGETS := $(sort $(patsubst test/fuzz/fuzz_%.c,%,$(filter test/fuzz/fuzz_%.c,$(FUZZ_SOURCES))))
define targets_h
#include <stddef.h>\n#include <stdint.h>\n$(foreach t,$(FUZZ_TARGETS),void fuzz_$(t)(const uint8_t *data, size_t size);\n)#define EACH_TARGET(X)$(foreach t,$(FUZZ_TARGETS), X($(t)))
endef
build/fuzz-targets.h: FORCE
	$(call write_suites,$(targets_h))
$(call objects,$(FUZZ_SOURCES)): build/fuzz-targets.h
$(call objects,$(FUZZ_SOURCES)): | build/unit/json_types.h
$(O)/test/fuzz/%.o: TEST_FLAGS = -Ibuild/unit -include build/fuzz-targets.h

$(O)/all-targets: $(call objects,$(FUZZ_SOURCES) build/unit/json_types.c) $(SHARED_OBJECTS)
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

FUZZ_SECONDS ?= 60

.PHONY: fuzz fuzz-program
fuzz-program: deps-fuzz
	@$(MAKE) --no-print-directory FLAVOUR=fuzz build/fuzz/all-targets
fuzz: fuzz-program ## feed parsers with what nobody sends, a minute each (FUZZ_SECONDS=, ONLY="json http1" for some)
	@test/fuzz/run --seconds $(FUZZ_SECONDS) $(ONLY)

# Svcd with the calls of test/torture/calls.h renamed in our own objects, so that each can be made to fail.
$(O)/torture.syms: test/torture/calls.h
	@mkdir -p $(@D)
	@sed -nE 's/^(CALL|OWN_STUB)\((\w+).*/\2 torture_\2/p' $< > $@
# hash_arena.c defines mmap() and munmap(), which the stubs call: those two keep their names in it.
TORTURE_APART := $(O)/src/login/hash_arena.o
$(O)/torture/hash_arena.o: $(TORTURE_APART) $(O)/torture.syms
	@mkdir -p $(@D)
	@objcopy --redefine-syms=<(grep -vE '^(mmap|munmap) ' $(O)/torture.syms) $< $@
$(O)/torture/ours.o: $(SVCD_OBJECTS) $(O)/torture.syms
	@mkdir -p $(@D)
	@ld -r -o $@ $(filter-out $(TORTURE_APART),$(SVCD_OBJECTS))
	@objcopy --redefine-syms=$(O)/torture.syms $@
# Nanopb allocates what our messages hold.
$(O)/torture/libprotobuf-nanopb.a: $(O)/torture.syms
	@mkdir -p $(@D)
	@objcopy --redefine-syms=$< $$($(CC) -print-file-name=$(@F)) $@
$(O)/test/torture/torture.o: test/torture/calls.h
$(O)/svcd-torture: $(O)/torture/ours.o $(O)/torture/hash_arena.o $(O)/test/torture/torture.o | $(O)/torture/libprotobuf-nanopb.a
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -L$(O)/torture -o $@ $^ $(LDLIBS)

.PHONY: torture
torture: ## fail every call to the system, libpq, libuv and for memory, one at a time, under AddressSanitizer; hours (TORTURE_SAMPLE=)
	@$(MAKE) --no-print-directory FLAVOUR=asan build/asan/svcd-torture examples-python
	@FLAVOUR=asan TORTURE_SAMPLE="$(or $(TORTURE_SAMPLE),0)" tools/check torture

# Per cent of the lines of src/ that the tests have to run.
COVERAGE_FLOOR ?= 90

.PHONY: coverage
coverage: ## lines of src/ that unit, rpc and e2e tests (by every edge) run, as a table; 15 minutes (COVERAGE_FLOOR=)
	@$(MAKE) --no-print-directory FLAVOUR=coverage test-programs examples deps-coverage
	@find build/coverage -name '*.gcda' -delete
	@FLAVOUR=coverage EDGES="$(EDGES)" tools/check unit rpc e2e edges; tests=$$?; \
	gcovr -r . --object-directory build/coverage -f 'src/' -s --fail-under-line $(COVERAGE_FLOOR) build/coverage/src && exit $$tests

# Suites and tests in which threads of ours work: workers that hash, the resolver, the log's writer, those that sign. Not the
# core's: it is a library that was not built for this, and what it does between threads would be taken for races.
TSAN_SUITES := hash_pool hash_pauses hash_size log_writer log endpoint duty_cycle hashing login guessing batches waiting ended_early loss
TSAN_E2E := test_rpcs test_streams test_tls

.PHONY: tsan
tsan: ## tests of whatever uses threads, under ThreadSanitizer
	@$(MAKE) --no-print-directory FLAVOUR=tsan build/tsan/unit build/tsan/rpc build/tsan/svcd examples-python
	@FLAVOUR=tsan SUITES="$(TSAN_SUITES)" tools/check unit rpc
	@EDGE=http tools/cluster with -- test/e2e/run build/tsan/svcd $(TSAN_E2E)

$(O)/noop: $(O)/test/bench/noop.o
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(GRPC_LIBS) -lpthread -lm

$(O)/bare_hash: $(O)/test/bench/bare_hash.o
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lsodium -lcrypt -lpthread

$(O)/bare_http2: $(O)/test/bench/bare_http2.o
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^

# svcd without accounts of its calls, which are replaced as it is linked.
ACCOUNTS := account_begun account_received account_sent account_answered account_waited account_query \
    call_log_answered call_log_statement
$(O)/unaccounted: $(SVCD_OBJECTS) $(O)/test/bench/unaccounted.o
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) $(ACCOUNTS:%=-Wl,--wrap=%) -o $@ $^ $(LDLIBS)

$(O)/open_loop: $(addprefix $(O)/test/bench/,open_loop.o h2_client.o probe.o)
	@echo "LINK $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lnghttp2

.PHONY: bench bench-check bench-scale bench-where
bench bench-check bench-scale bench-where: $(O)/svcd $(O)/noop $(O)/bare_hash $(O)/bare_http2 $(O)/unaccounted $(O)/open_loop examples-python deps-bench ## measure, or fail under a floor (test/bench/README.md)
	@SVCD=$(O)/svcd NOOP=$(O)/noop BARE_HASH=$(O)/bare_hash BARE_HTTP2=$(O)/bare_http2 UNACCOUNTED=$(O)/unaccounted OPEN_LOOP=$(O)/open_loop test/bench/run $@

# ---- examples -------------------------------------------------------------------------------------------------

PYTHON_STUBS := $(foreach p,$(PROTOS:proto/%.proto=build/python/%),$(p)_pb2.py $(p)_pb2_grpc.py)

.PHONY: examples examples-python
examples: examples-python build/node_modules.ok ## make the Python stubs and fetch the node modules of examples/
examples-python: $(PYTHON_STUBS)

$(PYTHON_STUBS) &: $(PROTOS) build/inputs/protos | deps-run
	@echo "GEN  python stubs"
	@mkdir -p build/python
	@$(PROTOC) --plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin --python_out=build/python \
	    --grpc_python_out=build/python -Iproto -I/usr/include $(PROTOS) $(PROTOC_SAYS)

build/test_clients.ok: test/clients/package.json test/clients/package-lock.json | deps-check
	@echo "NPM  test/clients"
	@mkdir -p build
	@cd test/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

build/node_modules.ok: examples/node/package.json examples/node/package-lock.json | deps-check
	@echo "NPM  examples/node"
	@mkdir -p build
	@cd examples/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# A browser's driver and a validator, for test/slow/test_pages.py.
build/test_pages.ok: test/pages/package.json test/pages/package-lock.json | deps-check
	@echo "NPM  test/pages"
	@mkdir -p build
	@cd test/pages && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# ---- run ------------------------------------------------------------------------------------------------------

.PHONY: run
run: all examples-python deps-run ## build, start a private PostgreSQL with demo data, serve on 127.0.0.1:50051
	@exec tools/run $(O)/svcd

.PHONY: clean-db
clean-db: ## drop the database of `make run`
	@tools/cluster drop .dev/cluster

# ---- packages -------------------------------------------------------------------------------------------------

.PHONY: deps deps-build deps-run deps-check deps-lint deps-valgrind deps-coverage deps-fuzz deps-cluster deps-bench deps-deb deps-image
deps: deps-build deps-run deps-check ## install the Debian packages that building, running and testing need
deps-build deps-run deps-check deps-lint deps-valgrind deps-coverage deps-fuzz deps-cluster deps-bench deps-deb deps-image: deps-%:
	@tools/deps $*
# One apt at a time.
deps-run: | deps-build
deps-check: | deps-run
deps-bench deps-cluster deps-coverage deps-fuzz deps-lint deps-valgrind: | deps-check
deps-deb deps-image: | deps-build

# ---- care -----------------------------------------------------------------------------------------------------

MAN_PAGES := $(wildcard man/*.[1-8])
PYTHON_FILES = $(wildcard test/*/*.py) $(shell grep -lI '^\#!/usr/bin/python3' tools/* test/*/run examples/*/*)
C_FILES = $(wildcard src/*.[ch] src/*/*.[ch] src/*/*/*.[ch] test/*.[ch] test/*/*.[ch] tools/*.c)

# A source is looked at again when it, a header of its, or the checks changed.
LINTED := $(SOURCES:%.c=build/lint/%.ok)
LINT_FLAGS = -std=gnu17 $(CPPFLAGS) $(PKG_CFLAGS)
TIDY = set -o pipefail; clang-tidy --quiet --warnings-as-errors='*' $(1) $< -- $(LINT_FLAGS) 2>&1 | \
    { grep -v ' warnings\? generated\.$$' || true; }
# clang's analyser goes a tenth of the way it would by itself, which takes a quarter of the time; `make analyze` has it go all of it.
BRIEFLY := $(addprefix --extra-arg=,-Xclang -analyzer-config -Xclang max-nodes=20000)

build/lint/flags: FORCE
	$(call remember,$(LINT_FLAGS))

build/lint/%.ok: %.c .clang-tidy build/lint/flags | $(GEN_HEADERS)
	@mkdir -p $(@D)
	@echo "TIDY $<"
	@$(CC) $(LINT_FLAGS) -MM -MP -MT $@ -MF $(@:.ok=.d) $<
	@$(call TIDY,$(BRIEFLY))
	@touch $@

-include $(LINTED:.ok=.d)

.PHONY: lint-sources
lint-sources: $(LINTED)

.PHONY: lint
lint: deps-lint $(GEN_HEADERS) build/unit/suites.h build/rpc/suites.h ## clang-tidy, the format, the floor plan and scripts
	tools/include-graph
	@echo "FMT  $(words $(C_FILES)) files"
	@clang-format --dry-run --Werror $(C_FILES)
	@$(MAKE) --no-print-directory -k $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) lint-sources
	shellcheck etc/completion/svcd.bash tools/check tools/deps tools/handlers tools/run .ci/run
	@echo "PYFLAKES"
	@pyflakes3 $(PYTHON_FILES)

# Analysers, which take minutes: gcc's, and clang's to the end. (Debian's cppcheck does not read
# __VA_OPT__; given what the preprocessor makes of src it gives up on files that walk lists of <sys/queue.h>, and in the others finds nothing.)
# Exceptions, each with its reason:
build/analyze/src/config/effective.ok: ANALYZE_FLAGS = -Wno-analyzer-malloc-leak # config_values_finish frees what replace() puts there
build/analyze/src/config/load_check.ok: ANALYZE_FLAGS = -Wno-analyzer-malloc-leak # the configuration has it, and frees it
build/analyze/src/edge/core/calls.ok: ANALYZE_FLAGS = -Wno-analyzer-malloc-leak # a slot is the core's until it hands over a call
build/analyze/src/edge/http/connection_handshake.ok: ANALYZE_FLAGS = -Wno-analyzer-null-argument # bytes_grow() sets it, elsewhere
build/analyze/src/edge/http/tls_files.ok: ANALYZE_FLAGS = -Wno-analyzer-malloc-leak # options_finish() frees by a table of offsets
build/analyze/src/edge/http/server.ok: ANALYZE_FLAGS = -Wno-analyzer-malloc-leak # a start that fails ends the process
ANALYZED := $(SOURCES:%.c=build/analyze/%.ok)

build/analyze/%.ok: %.c build/lint/flags | $(GEN_HEADERS)
	@mkdir -p $(@D)
	@echo "ANALYZE $<"
	@gcc $(LINT_FLAGS) -O1 -fanalyzer -Werror $(ANALYZE_FLAGS) -MMD -MT $@ -MF $(@:.ok=.d) -c -o /dev/null $<
	@$(call TIDY)
	@touch $@

-include $(ANALYZED:.ok=.d)

.PHONY: analyze
analyze: deps-lint $(ANALYZED) ## gcc's and clang's analysers over src/, by hand (-k for all they find); lint has clang's go a part of the way

.PHONY: fmt
fmt: ## format the C sources
	clang-format -i $(C_FILES)

BASH_COMPLETION = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/svcd
SOCKET_UNITS := $(wildcard etc/*.socket)
ZSH_COMPLETION = $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_svcd
CONF_INSTALLED = $(DESTDIR)$(SYSCONFDIR)/svcd/svcd.conf
MAN_INSTALLED = $(foreach page,$(MAN_PAGES),$(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page)))

.PHONY: install
install: $(O)/svcd ## install the binary, configuration, unit, its user and man pages (PREFIX=, DESTDIR=)
	install -D -m 755 $< $(DESTDIR)$(PREFIX)/bin/svcd
	test -e $(CONF_INSTALLED) || install -D -m 640 etc/svcd.conf $(CONF_INSTALLED)
	install -D -m 644 etc/svcd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/svcd.conf
	install -D -m 644 etc/completion/svcd.bash $(BASH_COMPLETION)
	install -D -m 644 etc/completion/_svcd $(ZSH_COMPLETION)
	install -d $(DESTDIR)$(UNITDIR)
	sed -E 's|^(Exec[A-Za-z]*=)[^ ]*/svcd |\1$(PREFIX)/bin/svcd |' etc/svcd.service > $(DESTDIR)$(UNITDIR)/svcd.service
	sed -E -e 's|^Description=.*|&, instance %i|' -e 's|^Type=notify|Sockets=svcd-http.socket\n&|' -e 's|^(RuntimeDirectory=svcd)$$|\1-%i|' \
	    $(DESTDIR)$(UNITDIR)/svcd.service > $(DESTDIR)$(UNITDIR)/svcd@.service
	chmod 644 $(DESTDIR)$(UNITDIR)/svcd.service $(DESTDIR)$(UNITDIR)/svcd@.service
	install -m 644 $(SOCKET_UNITS) $(DESTDIR)$(UNITDIR)
	for page in $(MAN_PAGES); do \
	    install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit 1; done

.PHONY: uninstall
uninstall: ## remove what install put there; a configuration that was edited stays (PREFIX=, DESTDIR=)
	rm -f $(DESTDIR)$(PREFIX)/bin/svcd $(DESTDIR)$(PREFIX)/lib/sysusers.d/svcd.conf $(DESTDIR)$(UNITDIR)/svcd.service \
	    $(DESTDIR)$(UNITDIR)/svcd@.service $(SOCKET_UNITS:etc/%=$(DESTDIR)$(UNITDIR)/%) $(MAN_INSTALLED) $(BASH_COMPLETION) $(ZSH_COMPLETION)
	@if cmp -s etc/svcd.conf $(CONF_INSTALLED); then rm $(CONF_INSTALLED); \
	elif test -e $(CONF_INSTALLED); then echo "$(CONF_INSTALLED) was edited and stays"; fi
	@rmdir $(dir $(CONF_INSTALLED)) 2>/dev/null || true

.PHONY: deb
deb: deps-deb ## build/deb/svcd_VERSION_ARCH.deb from the tracked files, looked at by lintian
	@tools/deb $(VERSION)

.PHONY: check-deb check-image
check-deb: deb deps-image ## install, upgrade and remove that package in a fresh Debian (as root)
	@test/install/run test_deb
check-image: deps-image ## build the container image by buildah on a fresh Debian and try it (as root)
	@tools/cluster with --tcp 29432 -- test/install/run test_image

.PHONY: clean
clean: ## remove everything that was made, but for the database of `make run`
	rm -rf build examples/node/node_modules test/pages/node_modules test/clients/node_modules
	find generated -mindepth 1 ! -name README.md -delete

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
