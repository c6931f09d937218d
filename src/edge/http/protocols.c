/* SPDX-License-Identifier: MIT */
#include "edge/http/protocols.h"

#include "edge/http/grpc.h"

static const struct http_codec proto = { .name = "proto" };

const struct http_protocol *const http_protocols[] = { &http_grpc, NULL };

const struct http_codec *const http_codecs[] = { &proto, NULL };
