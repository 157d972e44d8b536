#!/usr/bin/env python3
"""What including the core costs, beside the standard headers that no program with a buffer does without; an empty file, -O2.

    benchmarks/compile_time.py [--compiler g++] [--repetitions 15] [--limit 4]

Prints the medians of the compiler's processor time, taken in turn, and fails when the core takes more than `limit` times as long as
<vector>, <expected> and <span> together. `--header NAME` measures another header in its place.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

STANDARD = "#include <expected>\n#include <span>\n#include <vector>\n"


def seconds(command):
    """The processor time that a command and its children take."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"compile_time.py: {' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--limit", type=float, default=4)
    parser.add_argument("--header", default="hybridbuffer/hybrid_buffer.hpp")
    arguments = parser.parse_args()

    include = pathlib.Path(__file__).resolve().parent.parent / "include"
    with tempfile.TemporaryDirectory() as directory:
        sources = {"standard": STANDARD, "core": f"#include <{arguments.header}>\n"}
        times = {name: [] for name in sources}
        for name, text in sources.items():
            pathlib.Path(directory, f"{name}.cpp").write_text(text)
        for _ in range(arguments.repetitions):
            for name in sources:
                command = [arguments.compiler, "-std=c++23", "-O2", f"-I{include}", "-c", f"{directory}/{name}.cpp", "-o", os.devnull]
                times[name].append(seconds(command))

    standard, core = (statistics.median(times[name]) for name in ("standard", "core"))
    ratios = [mine / theirs for mine, theirs in zip(times["core"], times["standard"])]
    ratio = statistics.median(ratios)
    print(f"<vector>, <expected>, <span>   {standard * 1000:6.0f} ms")
    print(f"<{arguments.header}>   {core * 1000:6.0f} ms")
    print(f"median of the ratios           {ratio:6.2f}, at most {arguments.limit:g}")
    return 0 if ratio <= arguments.limit else 1


if __name__ == "__main__":
    sys.exit(main())
