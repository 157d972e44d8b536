"""One HTML page out of what the sweep programs measured, with plots and without anything outside of it, and the figures as JSON.

    report.py --html OUT.html --json OUT.json [--compare OLD.json] FILE.json…

FILE.json: the output of sweep_benchmark, compositions_benchmark (--benchmark_format=json). --compare: an earlier OUT.json of the same
machine; what takes 15 % longer now is listed as a regression, and the exit code is 1.
"""

import argparse
import html
import io
import json
import statistics
import sys

REGRESSION = 1.15

CURVES = {
    "curve.write_size": ("Throughput against the size of an append", "bytes an append"),
    "curve.threshold": ("Throughput against the threshold, 256 MiB", "threshold in bytes"),
    "curve.chunk_size": ("Throughput against the size of a chunk", "bytes a chunk"),
    "curve.read_size": ("Throughput of reading back against the size of a read", "bytes a read"),
    "curve.content_size": ("Cost a byte against the size of the content", "bytes of content"),
}
COMPOSITIONS = {
    "compositions.append_16": "Appends of 16 bytes",
    "compositions.append_64k": "Appends of 64 KiB",
    "compositions.read_64k": "Reading back by 64 KiB",
    "compositions.read_at_4k": "Reads of 4 KiB at random",
}
QUANTILES = ["p50", "p90", "p99", "p99.9", "p99.99", "max"]


def collect(names):
    """figures[group][case]: the medians over the repetitions."""
    entries = {}
    context = {}
    for name in names:
        with open(name, encoding="utf-8") as file:
            measured = json.load(file)
        context = measured["context"]
        for entry in measured["benchmarks"]:
            group, _, case = entry["name"].split("/")[:3]
            if entry.get("error_occurred"):
                raise SystemExit(f"{entry['name']}: {entry['error_message']}")
            entries.setdefault(group, {}).setdefault(case, []).append(entry)
    figures = {}
    for group, cases in entries.items():
        for case, repeated in cases.items():
            keys = ["cpu_time", "real_time"] + [key for key in ["bytes_per_second", *QUANTILES] if key in repeated[0]]
            figures.setdefault(group, {})[case] = {key: statistics.median(one[key] for one in repeated) for key in keys}
    kept = {key: context[key] for key in ("date", "num_cpus", "mhz_per_cpu", "load_avg") if key in context}
    return {"context": kept, "figures": figures}


def figure_to_svg(plot, figure):
    text = io.StringIO()
    figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
    plot.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]


def as_size(value, _position=None):
    for unit in ("", " KiB", " MiB"):
        if value < 1024:
            return f"{value:.0f}{unit}"
        value /= 1024
    return f"{value:.0f} GiB"


def draw_curve(plot, group, cases):
    title, across = CURVES[group]
    series = {}
    for case, values in cases.items():
        name, x = case.rsplit(":", 1)
        series.setdefault(name, []).append((int(x), values["bytes_per_second"]))
    figure, axes = plot.subplots(figsize=(8, 4))
    for name, points in series.items():
        points.sort()
        is_cost = group == "curve.content_size"
        axes.plot([x for x, _ in points], [1e9 / y if is_cost else y / 1e9 for _, y in points], marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(as_size)
    if group in ("curve.write_size", "curve.read_size"):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set(title=title, xlabel=across, ylabel="ns a byte" if group == "curve.content_size" else "GB/s")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure_to_svg(plot, figure)


def draw_latencies(plot, cases):
    figure, axes = plot.subplots(figsize=(8, 4))
    for name, values in cases.items():
        axes.plot(range(len(QUANTILES)), [values[quantile] for quantile in QUANTILES], marker="o", label=name)
    axes.set_yscale("log")
    axes.set_xticks(range(len(QUANTILES)), QUANTILES)
    axes.set(title="How long one append takes", xlabel="quantile", ylabel="ns on the clock")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure_to_svg(plot, figure)


def draw_compositions(plot, group, cases):
    figure, axes = plot.subplots(figsize=(8, 5))
    names = list(cases)
    axes.barh(names, [cases[name]["bytes_per_second"] / 1e9 for name in names])
    axes.invert_yaxis()
    axes.set(title=COMPOSITIONS[group], xlabel="GB/s")
    axes.grid(axis="x", alpha=0.3)
    return figure_to_svg(plot, figure)


def table(cases):
    columns = [key for key in ("bytes_per_second", "cpu_time", *QUANTILES) if any(key in values for values in cases.values())]
    rows = ["<tr><th></th>" + "".join(f"<th>{column}</th>" for column in columns) + "</tr>"]
    for case, values in cases.items():
        cells = "".join(f"<td>{values[column]:.4g}</td>" if column in values else "<td></td>" for column in columns)
        rows.append(f"<tr><th>{html.escape(case)}</th>{cells}</tr>")
    return f"<details><summary>figures</summary><table>{''.join(rows)}</table></details>"


def page(measured, regressions):
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plot

    plot.rcParams["svg.fonttype"] = "none"
    figures = measured["figures"]
    parts = [
        "<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>HybridBuffer on this machine</title>",
        "<style>body{font:15px sans-serif;max-width:62em;margin:2em auto;padding:0 1em}svg{max-width:100%;height:auto}"
        "td,th{padding:.1em .7em;text-align:right;font-size:13px}</style>",
        "<h1>HybridBuffer on this machine</h1><p>Throughput is of processor time, latency of time on the clock. ",
        html.escape(", ".join(f"{key}: {value}" for key, value in measured["context"].items())),
        "</p>",
    ]
    if regressions is not None:
        parts.append("<h2>Compared</h2>" + ("<ul>" + "".join(f"<li>{html.escape(one)}</li>" for one in regressions) + "</ul>" if regressions else "<p>No regression.</p>"))
    for group in [*CURVES, "latency.append", *COMPOSITIONS]:
        if group not in figures:
            continue
        if group in CURVES:
            parts.append(draw_curve(plot, group, figures[group]))
        elif group in COMPOSITIONS:
            parts.append(draw_compositions(plot, group, figures[group]))
        else:
            parts.append(draw_latencies(plot, figures[group]))
        parts.append(table(figures[group]))
    return "\n".join(parts) + "</html>\n"


def compare(old, new):
    """What takes longer than before, worst first; and what is not there any more."""
    worse = []
    missing = []
    for group, cases in old["figures"].items():
        for case, before in cases.items():
            after = new["figures"].get(group, {}).get(case)
            if after is None:
                missing.append(f"{group} {case}: was measured before, and is not now")
            elif before["cpu_time"] > 0 and after["cpu_time"] / before["cpu_time"] > REGRESSION:
                worse.append((after["cpu_time"] / before["cpu_time"], f"{group} {case}"))
    return [f"{name}: {ratio:.2f} times as long" for ratio, name in sorted(worse, reverse=True)] + missing


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--html", required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--compare")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args(arguments)
    measured = collect(options.files)
    regressions = None
    if options.compare:
        with open(options.compare, encoding="utf-8") as file:
            regressions = compare(json.load(file), measured)
    text = page(measured, regressions)
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(measured, file, indent=1)
    with open(options.html, "w", encoding="utf-8") as file:
        file.write(text)
    for regression in regressions or []:
        print(f"regression: {regression}")
    return 1 if regressions else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
