/* SPDX-License-Identifier: MIT */
#include "edge/http/protocols.h"

#include "edge/http/codec_json.h"
#include "edge/http/connect.h"
#include "edge/http/grpc.h"
#include "edge/http/grpc_web.h"

static const struct http_codec proto = { .name = "proto" };

const struct http_protocol *const http_protocols[] = {
    &http_grpc, &http_grpc_web, &http_grpc_web_text, &http_connect, &http_connect_stream, NULL,
};

const struct http_codec *const http_codecs[] = { &proto, &http_json, NULL };
