/* SPDX-License-Identifier: MIT
 *
 * Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats/: for each metric its
 * HELP and TYPE, then its samples, a line each.
 */
#include "observe/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum metric_type { COUNTER, GAUGE, HISTOGRAM, SUMMARY };
static const char *const type_names[] = { "counter", "gauge", "histogram", "summary" };

static const struct {
    const char *name;
    enum metric_type type;
    enum metric_unit unit;
    const char *labels, *help;
} metrics[METRICS_N] = {
#define METRIC_ROW(name, type, unit, labels, help) { #name, type, UNIT_##unit, labels, help },
    METRICS(METRIC_ROW)
#undef METRIC_ROW
};

static struct {
    metric_read *read;
    const void *owner;
} readers[METRICS_N];

struct metrics_out {
    struct bytes *text;
    bool out_of_memory;
};

void metrics_set_reader(enum metric metric, metric_read *read, const void *owner)
{
    readers[metric].read = read;
    readers[metric].owner = owner;
}

/* ---- pieces ---- */

static void put_n(struct metrics_out *out, const char *text, size_t len)
{
    if (out->out_of_memory || bytes_reserve(out->text, len))
        out->out_of_memory = true;
    else
        bytes_put(out->text, text, len);
}

static void put(struct metrics_out *out, const char *text)
{
    put_n(out, text, strlen(text));
}

static void put_label(struct metrics_out *out, const char *name, size_t name_len, const char *value)
{
    put_n(out, name, name_len);
    put(out, "=\"");
    for (; *value; value++) {
        if (*value == '\n')
            put(out, "\\n");
        else if (*value == '"' || *value == '\\')
            put_n(out, (const char[]){ '\\', *value }, 2);
        else
            put_n(out, value, 1);
    }
    put(out, "\"");
}

/* Writes the labels of the metric's row, then one label of the sample's own (`le` of histograms), if any. */
static void put_labels(struct metrics_out *out, enum metric metric, const char *const *values,
                       const char *own_name, const char *own_value)
{
    const char *names = metrics[metric].labels, *before = "{";
    for (; *names && *values; values++) {
        size_t len = strcspn(names, ",");
        put(out, before);
        put_label(out, names, len, *values);
        names += len + (names[len] == ',');
        before = ",";
    }
    if (own_name) {
        put(out, before);
        put_label(out, own_name, strlen(own_name), own_value);
        before = ",";
    }
    put(out, *before == ',' ? "} " : " ");
}

/* Writes value / 10^unit exactly, as a decimal. */
static const char *format_value(char text[48], int64_t value, enum metric_unit unit)
{
    int64_t scale = 1;
    for (unsigned i = 0; i < (unsigned)unit; i++)
        scale *= 10;
    int64_t whole = value / scale, part = value % scale;
    if (part == 0) {
        snprintf(text, 48, "%" PRId64, whole);
        return text;
    }
    int len = snprintf(text, 48, "%s%" PRId64 ".%0*" PRId64, value < 0 ? "-" : "", whole < 0 ? -whole : whole,
                       (int)unit, part < 0 ? -part : part);
    while (text[len - 1] == '0')
        text[--len] = '\0';
    return text;
}

static void put_value(struct metrics_out *out, int64_t value, enum metric_unit unit)
{
    char text[48];
    put(out, format_value(text, value, unit));
    put(out, "\n");
}

static void put_sample(struct metrics_out *out, enum metric metric, const char *suffix, int64_t value,
                       enum metric_unit unit, const char *const *values)
{
    put(out, metrics[metric].name);
    put(out, suffix);
    put_labels(out, metric, values, NULL, NULL);
    put_value(out, value, unit);
}

/* ---- for reading functions ---- */

void metrics_put_labelled(struct metrics_out *out, enum metric metric, int64_t value,
                          const char *const *values)
{
    put_sample(out, metric, "", value, metrics[metric].unit, values);
}

void metrics_put_summary_labelled(struct metrics_out *out, enum metric metric, uint64_t n, uint64_t sum,
                                  const char *const *values)
{
    put_sample(out, metric, "_sum", (int64_t)sum, metrics[metric].unit, values);
    put_sample(out, metric, "_count", (int64_t)n, UNIT_ONE, values);
}

void metrics_put_histogram_labelled(struct metrics_out *out, enum metric metric,
                                    const struct histogram *histogram, const char *const *values)
{
    enum metric_unit unit = metrics[metric].unit;
    const uint64_t *bounds = unit == UNIT_ONE ? histogram_sizes : histogram_times_ns;
    uint64_t n = 0;
    char bound[48];
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        n += histogram->counts[i];
        put(out, metrics[metric].name);
        put(out, "_bucket");
        put_labels(out, metric, values, "le",
                   i < HISTOGRAM_BOUNDS ? format_value(bound, (int64_t)bounds[i], unit) : "+Inf");
        put_value(out, (int64_t)n, UNIT_ONE);
    }
    metrics_put_summary_labelled(out, metric, n, histogram->sum, values);
}

/* ---- all of them ---- */

int metrics_write(struct bytes *text)
{
    struct metrics_out out = { .text = text };
    for (enum metric metric = 0; metric < METRICS_N; metric++) {
        if (!readers[metric].read)
            continue;
        put(&out, "# HELP ");
        put(&out, metrics[metric].name);
        put(&out, " ");
        put(&out, metrics[metric].help);
        put(&out, "\n# TYPE ");
        put(&out, metrics[metric].name);
        put(&out, " ");
        put(&out, type_names[metrics[metric].type]);
        put(&out, "\n");
        readers[metric].read(&out, metric, readers[metric].owner);
    }
    return out.out_of_memory ? UV_ENOMEM : 0;
}
