"""Draws llama.cpp and the preset `cpu-small` side by side: OUT.svg REAL_FOLDER… -- VIRTUAL_FOLDER

Medians, of the real server over all passes, with the passes' range.
"""

import statistics
import sys

import shape

out = sys.argv[1]
split = sys.argv.index("--")
real, virtual = sys.argv[2:split], sys.argv[split + 1 :]
SERIES = (("llama.cpp", real, "#0b6fa4"), ("cpu-small", virtual, "#c2500a"))
WIDTH, HEIGHT, TOP, BOTTOM = 240, 190, 54, 46
LEFTS = (58, 376, 694)
svg = []


def text(x, y, content, size=11, anchor="middle", fill="#333", extra=""):
    svg.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" {extra}>{content}</text>')


def panel(left, title, unit, ticks, top_value, labels, xs):
    text(left + WIDTH / 2, TOP - 14, title, 13)
    for tick in ticks:
        y = TOP + HEIGHT * (1 - tick / top_value)
        svg.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + WIDTH}" y2="{y:.1f}" stroke="#ddd"/>')
        text(left - 6, y + 4, f"{tick:g}", anchor="end")
    text(left - 44, TOP + HEIGHT / 2, unit, extra=f'transform="rotate(-90 {left - 44} {TOP + HEIGHT / 2})"')
    for x, label in zip(xs, labels):
        text(x, TOP + HEIGHT + 17, label)


def ranges(folders, metric, case):
    found = [shape.summaries(f)[case][metric]["p50"] for f in folders]
    return min(found), statistics.median(found), max(found)


def lines(left, metric, title, ticks, top_value):
    at = lambda n: left + 14 + (WIDTH - 28) * (n - 1) / 7
    panel(left, title, "ms, median", ticks, top_value, shape.CONCURRENCY, [at(n) for n in shape.CONCURRENCY])
    text(left + WIDTH / 2, TOP + HEIGHT + 35, "streams at once (four slots)")
    x = at(shape.SLOTS)
    svg.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{TOP + HEIGHT}" stroke="#999" stroke-dasharray="3 3"/>')
    for name, folders, color in SERIES:
        points = []
        for n in shape.CONCURRENCY:
            low, middle, high = ranges(folders, metric, f"concurrency-{n}")
            y = lambda v: TOP + HEIGHT * (1 - v / top_value)
            points.append(f"{at(n):.1f},{y(middle):.1f}")
            svg.append(f'<line x1="{at(n):.1f}" y1="{y(low):.1f}" x2="{at(n):.1f}" y2="{y(high):.1f}" stroke="{color}" stroke-width="2"/>')
            svg.append(f'<circle cx="{at(n):.1f}" cy="{y(middle):.1f}" r="3.5" fill="{color}"/>')
        dash = ' stroke-dasharray="6 3"' if name == "cpu-small" else ""
        svg.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="1.8"{dash}/>')


def bars(left, ticks, top_value):
    cases = ("prefix-cold", "prefix-shared")
    centres = [left + WIDTH * (i + 0.5) / 2 for i in range(2)]
    panel(left, "TTFT, 241 prompt tokens", "ms, median", ticks, top_value, ("nothing shared", "221 tokens shared"), centres)
    for centre, case in zip(centres, cases):
        for i, (_, folders, color) in enumerate(SERIES):
            low, middle, high = ranges(folders, "ttft", case)
            x, h = centre - 34 + i * 36, HEIGHT * middle / top_value
            svg.append(f'<rect x="{x:.1f}" y="{TOP + HEIGHT - h:.1f}" width="32" height="{h:.1f}" fill="{color}" fill-opacity="0.85"/>')
            text(x + 16, TOP + HEIGHT - h - 5, f"{middle:.0f}", 10)


lines(LEFTS[0], "ttft", "Time to first token", (0, 500, 1000, 1500, 2000), 2000)
lines(LEFTS[1], "itl", "Inter-token latency", (0, 10, 20, 30, 40), 40)
bars(LEFTS[2], (0, 100, 200, 300, 400, 500), 500)
legend = 58
for name, _, color in SERIES:
    what = "llama.cpp, gemma-3-270m, two cores" if name == "llama.cpp" else "the engine's preset cpu-small, virtual time"
    svg.append(f'<rect x="{legend}" y="8" width="12" height="12" fill="{color}"/>')
    text(legend + 18, 18, what, 12, "start")
    legend += 260
width, height = LEFTS[2] + WIDTH + 20, TOP + HEIGHT + BOTTOM
with open(out, "w") as file:
    file.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(svg) + "\n</svg>\n"
    )
