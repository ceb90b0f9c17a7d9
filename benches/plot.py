"""Draws the figures of docs/performance.md from the benchmark's JSON.

usage: plot.py RESULTS.json FOLDER
"""

import json
import statistics
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

# For light and dark pages: no background, and greys that are visible on both.
INK = "#7a7f87"
COLOURS = {"vendas": "#c2410c", "kafka": "#2563eb", "postgres": "#0d9488"}
plt.rcParams.update(
    {
        "svg.fonttype": "none",
        # The same results give the same file.
        "svg.hashsalt": "vendas",
        "font.size": 10,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "axes.titlecolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "grid.alpha": 0.3,
        "legend.frameon": False,
    }
)
PARTS = {"candidate": "vendas, or its alternative", "kafka": "Kafka", "postgres": "PostgreSQL"}


def rate(run):
    return run["orders"] / run["seconds"]


def cpu(run, part):
    return run["cpu_seconds"][part] / (run["orders"] / 1e6)


def groups(runs, key):
    """Runs grouped by `key`, in the order of their first appearance."""
    found = {}
    for run in runs:
        found.setdefault(key(run), []).append(run)
    return found


def median(runs, value):
    return statistics.median(value(run) for run in runs)


def of_part(results, part):
    return [run for run in results["runs"] if run["part"] == part]


def save(figure, folder, name):
    figure.tight_layout()
    figure.savefig(folder / f"{name}.svg", transparent=True, metadata={"Date": None})
    plt.close(figure)


def thousands(axis):
    axis.yaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")


def draw_parts(axis, positions, sets, names=None):
    """CPU seconds per million orders, stacked by process."""
    bottoms = [0.0] * len(sets)
    for part, colour in zip(PARTS, COLOURS.values()):
        heights = [median(runs, lambda run: cpu(run, part)) for runs in sets]
        axis.bar(positions, heights, bottom=bottoms, color=colour, label=PARTS[part], width=0.6)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights)]
    axis.set_ylabel("CPU seconds per million orders")
    axis.set_xticks(list(positions), names)


def compared(results, folder, part, title):
    runs = of_part(results, part)
    if not runs:
        return
    found = groups(runs, lambda run: run["candidate"])
    names, sets = list(found), list(found.values())
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rates = [median(runs, rate) for runs in sets]
    bars = left.bar(names, rates, color=[COLOURS["vendas"]] + [INK] * (len(names) - 1), width=0.6)
    left.bar_label(bars, [f"{value / 1000:.3g}k" for value in rates])
    left.set_ylabel("orders/s")
    thousands(left)
    draw_parts(right, range(len(names)), sets, names)
    right.legend(fontsize=8)
    for axis in (left, right):
        axis.tick_params(axis="x", labelsize=8)
    figure.suptitle(title)
    save(figure, folder, part)


def varied(results, folder, part, title, x_label, logarithmic):
    """Rate and cost over the values of a setting."""
    runs = of_part(results, part)
    if not runs:
        return
    found = groups(runs, lambda run: run["setting"]["value"])
    values, sets = list(found), list(found.values())
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    left.plot(values, [median(runs, rate) for runs in sets], marker="o", color=COLOURS["vendas"])
    left.set_ylabel("orders/s")
    left.set_ylim(bottom=0)
    thousands(left)
    if logarithmic:
        left.set_xscale("log")
    left.set_xlabel(x_label)
    draw_parts(right, range(len(values)), sets, [f"{value:g}" for value in values])
    right.tick_params(axis="x", labelsize=8)
    right.set_xlabel(x_label)
    right.legend(fontsize=8)
    figure.suptitle(title)
    save(figure, folder, part.replace(" ", "-"))


def grown(results, folder):
    """The effect of existing rows on the rate, and on reports."""
    shapes = {"numbered": "sales", "ecommerce": "orders"}
    if not any(of_part(results, f"growth {shape}") for shape in shapes):
        return
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    for (shape, table), marker in zip(shapes.items(), "os"):
        found = groups(of_part(results, f"growth {shape}"), lambda run: run["candidate"])
        for candidate, runs in found.items():
            by_rows = groups(runs, lambda run: run["setting"]["value"] / 1e6)
            reads = candidate in ("report", "verify")
            axis, value = (right, lambda run: run["seconds"]) if reads else (left, rate)
            label = f"vendas {candidate}" if reads else f"{table}: {candidate}"
            axis.plot(list(by_rows), [median(runs, value) for runs in by_rows.values()], marker=marker, label=label)
    left.set_ylabel("orders/s")
    left.set_ylim(bottom=0)
    thousands(left)
    right.set_ylabel("seconds")
    for axis in (left, right):
        axis.set_xlabel("million existing rows")
        axis.legend(fontsize=8)
    figure.suptitle("Tables with existing rows")
    save(figure, folder, "growth")


def main():
    results = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    compared(results, folder, "numbered", "Numbered orders into `sales`")
    compared(results, folder, "ecommerce", "E-commerce orders, totals by product")
    varied(results, folder, "partitions", "Partitions", "partitions", False)
    varied(results, folder, "batch size", "Size of the batches", "maximum records per batch", True)
    varied(results, folder, "depth", "Batches in flight", "commits in flight per partition", False)
    varied(results, folder, "record size", "Size of the records", "bytes per record", True)
    grown(results, folder)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main()
