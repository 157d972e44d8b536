#!/usr/bin/env python3
"""Reads what `llvm-cov show -show-branches=count` wrote and prints the lines that no test reached, and the branches of which one side was
never taken.

    scripts/coverage_gaps.py FILE

A branch of a template is summed over its instantiations: one side counts as taken when it was taken in any of them.
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


def main(path):
    name = ""
    texts = {}
    lines = []
    branches = {}
    order = []
    with open(path, encoding="utf-8", errors="replace") as report:
        for row in report:
            if row.startswith("/"):
                name = row.rstrip(":\n").split("/include/hybridbuffer/")[-1]
                continue
            branch = BRANCH.match(row)
            if branch:
                if "Folded" in row:
                    continue
                key = (name, int(branch[1]), int(branch[2]))
                if key not in branches:
                    branches[key] = [0.0, 0.0]
                    order.append(key)
                branches[key][0] += count(branch[3]) or 0
                branches[key][1] += count(branch[4]) or 0
                continue
            line = LINE.match(row)
            if line:
                texts[(name, int(line[1]))] = line[3].strip()
                if count(line[2]) == 0:
                    lines.append((name, int(line[1])))
    for key in lines:
        print(f"line    {key[0]}:{key[1]}: {texts[key]}")
    missed = 0
    for key in order:
        sides = [side for side, taken in zip(("true", "false"), branches[key]) if taken == 0]
        missed += len(sides)
        for side in sides:
            print(f"branch  {key[0]}:{key[1]}:{key[2]} never {side}: {texts.get(key[:2], '')}")
    print(f"{len(lines)} lines and {missed} of {2 * len(order)} branch sides not reached")


main(sys.argv[1])
