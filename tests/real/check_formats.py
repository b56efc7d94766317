"""Reads what `prony report` wrote with the parsers that people use, and holds every figure against summary.json.

    check_formats.py FIRST_RUN SECOND_RUN OUT

OUT holds what run_formats.sh wrote. Needs prometheus_client, pandas, pypdf and Pillow.
"""

import csv
import io
import json
import math
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
from PIL import Image
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pypdf import PdfReader

first, second, out = map(Path, sys.argv[1:])
summary = json.loads((first / "summary.json").read_text())
other = json.loads((second / "summary.json").read_text())
metrics = [
    (case, phase, name, metric)
    for case in summary["cases"]
    for phase in case["phases"]
    for name, metric in phase["metrics"].items()
]
assert len(metrics) > 20


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-15)


def check_csv():
    data = (out / "metrics.csv").read_bytes()
    lines = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    assert {len(line) for line in lines} == {20}, "rows of different length"
    assert data.count(b"\r\n") == len(lines), "line ends are not those of RFC 4180"
    table = pd.read_csv(out / "metrics.csv").set_index(["suite", "case", "phase", "metric"])
    assert len(table) == len(metrics), (len(table), len(metrics))
    for case, phase, name, metric in metrics:
        row = table.loc[(case["suite"], case["name"], phase["name"], name)]
        assert row["unit"] == metric["unit"]
        for key in ("n", "value", "mean", "stddev", "min", "p50", "p90", "p95", "p99", "max"):
            said, is_ = row[key], metric.get(key)
            assert (pd.isna(said) and is_ is None) or close(said, is_), (name, key, said, is_)
    print(f"csv: {len(table)} rows, every figure that of summary.json")


def families(name):
    return {f.name: f for f in text_string_to_metric_families((out / name).read_text())}


def check_openmetrics():
    found = families("metrics.prom")
    assert found["prony_ttft_seconds"].type == "summary"
    assert found["prony_ttft_seconds"].unit == "seconds"
    assert found["prony_case_verdict"].type == "stateset"
    compared = 0
    for case in summary["cases"]:
        states = [
            s.labels["prony_case_verdict"]
            for s in found["prony_case_verdict"].samples
            if (s.labels["suite"], s.labels["case"]) == (case["suite"], case["name"]) and s.value == 1
        ]
        assert states == [case["verdict"]], states
        for phase in case["phases"]:
            for name, metric in phase["metrics"].items():
                if metric["unit"] != "ms" or "p50" not in metric:
                    continue
                family = found[f"prony_{name}_seconds"]
                for quantile, key in (("0.5", "p50"), ("0.9", "p90"), ("0.95", "p95"), ("0.99", "p99")):
                    labels = {"suite": case["suite"], "case": case["name"], "phase": phase["name"], "quantile": quantile}
                    samples = [s.value for s in family.samples if s.labels == labels]
                    known = [] if metric[key] is None else [metric[key]]
                    assert len(samples) == len(known), (name, quantile, samples, known)
                    assert all(close(a * 1000, b) for a, b in zip(samples, known)), (name, quantile, samples, known)
                    compared += len(known)
    assert compared >= 50
    text = (out / "metrics.prom").read_text()
    for broken in (text.removesuffix("# EOF\n"), text.replace("# EOF\n", 'x{a="} 1\n# EOF\n')):
        try:
            list(text_string_to_metric_families(broken))
        except ValueError:
            continue
        raise AssertionError("the parser takes anything")
    print(f"openmetrics: {len(found)} families, {compared} quantiles those of summary.json")


def check_runs():
    ids = [summary["run"]["id"], other["run"]["id"]]
    runs = {s.labels["run"] for f in families("runs.prom").values() for s in f.samples}
    assert runs == set(ids), runs
    both = json.loads((out / "runs.json").read_text())
    assert [run["id"] for run in both["runs"]] == ids
    table = pd.read_csv(out / "runs.csv", keep_default_na=False, na_values=[""])
    then, now = f"A {ids[0]}", f"B {ids[1]}"
    known = table[table[then].notna() & table[now].notna() & (table[then] != 0)]
    assert len(known) > 20
    difference = (known[now] / known[then] - 1 - known["change B"]).abs().max()
    assert difference < 1e-9, difference
    page = (out / "runs.html").read_text()
    assert "shown, not judged" in page and page.count("<svg ") >= 8 and "<script" not in page
    assert len((out / "report.md").read_bytes()) <= 65536 and len((out / "runs.md").read_bytes()) <= 65536
    print(f"side by side: {len(known)} changes computed again")


def check_pdf():
    reader = PdfReader(out / "report.pdf", strict=True)
    texts = [" ".join(page.extract_text().split()) for page in reader.pages]
    count = len(texts)
    for i, text in enumerate(texts):
        assert f"Page {i + 1} of {count}" in text, f"no number on page {i + 1}"
    whole = " ".join(texts)
    outline = [entry for entry in reader.outline if not isinstance(entry, list)]
    assert len(outline) == len(summary["cases"]), outline
    for case in summary["cases"]:
        title = f"{case['suite']}::{case['name']}: {case['verdict']}"
        entry = next(e for e in outline if e.title == title)
        page = reader.get_destination_page_number(entry)
        assert title in texts[page], f"{title} does not stand on page {page + 1}"
        # The table of contents names that page.
        assert f"{title} {page + 1}" in texts[0], f"the contents do not lead to {title}"
        for assertion in case["assertions"]:
            assert assertion["text"] in whole, assertion["text"]
    links = [a.get_object() for a in reader.pages[0].get("/Annots", [])]
    assert len(links) >= len(summary["cases"]), "no links in the table of contents"
    # Letters of the pictures are letters, too.
    assert "warm-up" in whole and "p99" in whole
    print(f"pdf: {count} pages, {len(outline)} entries, text is text")


def check_pdf_of_runs():
    reader = PdfReader(out / "runs.pdf", strict=True)
    texts = [" ".join(page.extract_text().split()) for page in reader.pages]
    outline = [entry for entry in reader.outline if not isinstance(entry, list)]
    sides = json.loads((out / "runs.json").read_text())
    assert [entry.title for entry in outline] == [case["name"] for case in sides["cases"]], outline
    for entry in outline:
        page = reader.get_destination_page_number(entry)
        assert entry.title in texts[page] and f"{entry.title} {page + 1}" in texts[0], entry.title
    assert all(run["id"] in texts[0] for run in sides["runs"])
    whole = " ".join(texts)
    chief = {row["metric"] for case in sides["cases"] for phase in case["phases"] for row in phase["metrics"]}
    assert all(metric in whole for metric in chief), chief
    assert "shown, not judged" in whole and "Distribution of ttft" in whole
    print(f"runs as pdf: {len(texts)} pages, {len(outline)} cases")


def check_plots():
    names, drawn = set(), 0
    for path in sorted((out / "plots").rglob("*.svg")):
        root = ET.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and "var(" not in path.read_text(), path
        with Image.open(path.with_suffix(".png")) as image:
            width, height = float(root.get("width")), float(root.get("height"))
            assert abs(image.width - width) <= 1 and abs(image.height - height) <= 1, (path, image.size)
            colours = image.convert("RGB").getcolors(1 << 24)
            assert len(colours) > 10, f"{path.with_suffix('.png')} is blank"
        names.add(path.stem)
        drawn += 1
    wanted = {"ttft_distribution", "itl_distribution", "throughput_over_time", "latency_percentiles"}
    assert wanted <= names, wanted - names
    print(f"plots: {drawn} as SVG and PNG, {len(names)} names")


check_csv()
check_openmetrics()
check_runs()
check_pdf()
check_pdf_of_runs()
check_plots()
