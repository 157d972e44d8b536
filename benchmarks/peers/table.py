"""Makes one table out of what the peers' programs printed: `peer<TAB>workload<TAB>nanoseconds an operation`, from standard input."""

import sys

WORKLOADS = {
    "A1": ("16 B appends, 1 MiB, memory", "ns", None),
    "S1": ("64 KiB appends, 256 MiB", "GB/s", 64 << 10),
    "S2.16": ("16 B appends, 64 MiB", "ns", None),
    "S2.512": ("512 B appends, 64 MiB", "ns", None),
    "R1": ("64 KiB reads in sequence, 256 MiB", "GB/s", 64 << 10),
    "R3": ("4 KiB reads at random, 256 MiB", "us", None),
    "L1": ("life cycle with 1 KiB", "us", None),
}


def shown(workload, nanoseconds):
    _, unit, volume = WORKLOADS[workload]
    if volume is not None:
        return f"{volume / nanoseconds:.2f}"
    return f"{nanoseconds / (1000 if unit == 'us' else 1):.3g}"


def main():
    figures = {}
    for line in sys.stdin:
        peer, workload, nanoseconds = line.rstrip("\n").split("\t")
        figures.setdefault(peer, {})[workload] = float(nanoseconds)
    if not figures:
        print("nothing was measured", file=sys.stderr)
        return 1
    print("processor time; more is better for GB/s, less for the rest\n")
    print(f"{'':<26}" + "".join(f"{name:>10}" for name in WORKLOADS))
    print(f"{'':<26}" + "".join(f"{unit:>10}" for _, unit, _ in WORKLOADS.values()))
    complete = True
    for peer, values in figures.items():
        complete = complete and values.keys() >= WORKLOADS.keys()
        print(f"{peer:<26}" + "".join(f"{shown(name, values[name]) if name in values else '-':>10}" for name in WORKLOADS))
    print()
    for name, (what, unit, _) in WORKLOADS.items():
        print(f"{name:<8}{what}, {unit}")
    if not complete:
        print("error: a peer lacks a workload", file=sys.stderr)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
