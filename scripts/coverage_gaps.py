#!/usr/bin/env python3
"""Reads what `llvm-cov show -show-branches=count` wrote for each of several programs and prints the lines that no program reached, and the
branches of which one side was never taken; a line a header with what there is in it.

    scripts/coverage_gaps.py FILE...

A program at a time, because llvm-cov drops a function of which two programs hold different code. A line counts as reached when one program
reached it; a branch of a template is summed over its instantiations and the programs.
"""
import re
import sys

LINE = re.compile(r"^ *(\d+)\|([^|]*)\|(.*)$")
BRANCH = re.compile(r"^ *\|  Branch \((\d+):(\d+)\): \[True: ([^,]+), False: ([^\]]+)\]")


def count(text):
    """`1.2k` and the like as a number; nothing for text that is none."""
    text = text.strip()
    factors = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
    if not text:
        return None
    return float(text[:-1]) * factors[text[-1]] if text[-1] in factors else float(text)


class Report:
    """What the programs reached, by header and line."""

    def __init__(self):
        self.texts = {}
        self.lines = {}
        self.branches = {}

    def read(self, path):
        name = ""
        with open(path, encoding="utf-8", errors="replace") as report:
            for row in report:
                if row.startswith("/"):
                    name = row.rstrip(":\n").split("/include/hybridbuffer/")[-1]
                    continue
                branch = BRANCH.match(row)
                if branch:
                    if "Folded" not in row:
                        sides = self.branches.setdefault((name, int(branch[1]), int(branch[2])), [0.0, 0.0])
                        sides[0] += count(branch[3]) or 0
                        sides[1] += count(branch[4]) or 0
                    continue
                line = LINE.match(row)
                # A comment between two regions of code counts as a line of the one that is not there.
                if line and count(line[2]) is not None and line[3].strip() and not line[3].strip().startswith(("//", "#")):
                    key = (name, int(line[1]))
                    self.texts[key] = line[3].strip()
                    self.lines[key] = self.lines.get(key, 0.0) + count(line[2])

    def print(self):
        lines = sorted(key for key, taken in self.lines.items() if taken == 0)
        sides = [
            (key, side) for key in sorted(self.branches) for side, taken in zip(("true", "false"), self.branches[key]) if taken == 0
        ]
        for header in sorted({name for name, _ in self.lines}):
            of_header = [key for key in self.lines if key[0] == header]
            of_branches = [key for key in self.branches if key[0] == header]
            print(
                f"header  {header}: {sum(key[0] == header for key in lines)} of {len(of_header)} lines, "
                f"{sum(key[0] == header for key, _ in sides)} of {2 * len(of_branches)} branch sides not reached"
            )
        for key in lines:
            print(f"line    {key[0]}:{key[1]}: {self.texts[key]}")
        for key, side in sides:
            print(f"branch  {key[0]}:{key[1]}:{key[2]} never {side}: {self.texts.get(key[:2], '')}")
        print(f"{len(lines)} of {len(self.lines)} lines and {len(sides)} of {2 * len(self.branches)} branch sides not reached")


merged = Report()
for each in sys.argv[1:]:
    merged.read(each)
merged.print()
