# SPDX-License-Identifier: MIT
"""The rows that have baselines of their own kind as a bar chart in SVG: RPCs a second of svcd beside theirs."""

from html import escape

SERIES = (("svcd", "rps", "#1f6feb"), ("pgbench, best client count", "pgbench_rps", "#8c959f"),
          ("pgbench, 64 a pipeline", "pipelined_rps", "#c2c8cf"), ("no-op server", "noop_rps", "#e3b341"))
WIDTH, LEFT, RIGHT, TOP = 860, 262, 90, 92
BAR, GAP, BETWEEN = 13, 3, 16


def nice_step(most):
    """A round step that divides the axis into at most eight parts."""
    return next(factor * 10**power for power in range(12) for factor in (1, 2, 5) if most <= 8 * factor * 10**power)


def text(x, y, words, extra=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" {extra}>{escape(words)}</text>'


def short(value):
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def legend():
    x = LEFT
    for name, _, colour in SERIES:
        yield f'<rect x="{x}" y="48" width="12" height="12" rx="2" fill="{colour}"/>'
        yield text(x + 18, 58, name)
        x += 34 + 6.6 * len(name)


def bars(row, y, scale):
    for name, key, colour in SERIES:
        value = row["numbers"].get(key)
        if value is None:
            continue
        yield f'<rect x="{LEFT}" y="{y}" width="{max(value * scale, 1):.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
        yield text(LEFT + value * scale + 6, y + BAR - 2, f"{value:,.0f}", 'font-weight="600"' if key == "rps" else "")
        y += BAR + GAP


def draw(doc):
    rows = [row for row in doc["rows"] if any(key in row["numbers"] for _, key, _ in SERIES[1:])]
    heights = [sum(key in row["numbers"] for _, key, _ in SERIES) * (BAR + GAP) + BETWEEN for row in rows]
    most = max(row["numbers"].get(key, 0) for row in rows for _, key, _ in SERIES)
    scale, bottom = (WIDTH - LEFT - RIGHT) / most, TOP + sum(heights)
    step = nice_step(most)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 34}" role="img" '
           f'aria-label="RPCs a second of svcd and its baselines" font-family="system-ui, sans-serif" font-size="12" fill="#1f2328">',
           f'<rect width="{WIDTH}" height="{bottom + 34}" fill="#ffffff"/>',
           text(20, 28, "RPCs a second, more is better", 'font-size="16" font-weight="600"'), *legend()]
    for n in range(int(most // step) + 1):
        x = LEFT + n * step * scale
        out.append(f'<line x1="{x:.1f}" y1="{TOP - 10}" x2="{x:.1f}" y2="{bottom}" stroke="#e6e9ec"/>')
        out.append(text(x, bottom + 16, short(n * step), 'text-anchor="middle" fill="#59636e"'))
    y = TOP
    for row, height in zip(rows, heights):
        middle = y + (height - BETWEEN) / 2
        out += [text(LEFT - 12, middle + 4, row["title"], 'text-anchor="end"'), *bars(row, y, scale)]
        y += height
    return "\n".join([*out, "</svg>\n"])
