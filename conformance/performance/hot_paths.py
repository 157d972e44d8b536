"""How many instructions the hot calls take, counted by callgrind in the compiled program; and that the append's path calls nothing.

    hot_paths.py PROGRAM        PROGRAM is built from hot_paths.cpp, optimised

Each bound includes the loop around the call: what a second run with more rounds takes longer, divided by the rounds.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

BOUNDS = {"append_16": 12, "append_byte": 12, "get": 14, "peek": 8, "window": 8}
FEW, MANY = 100_000, 300_000
CHUNK = 64 * 1024


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True)


def count(program, call, rounds):
    """The instructions inside of the call's function, and how often it called another."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory, "callgrind.out")
        run("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"--toggle-collect=hot_{call}", program, call, str(rounds))
        text = out.read_text()
    total = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
    if total is None or int(total[1]) == 0:
        raise SystemExit(f"callgrind saw nothing of hot_{call}")
    calls = 0
    inside = False
    for line in text.splitlines():
        if line.startswith("fn="):
            inside = line.endswith(f" hot_{call}") or (inside and line == name)
            name = line
        elif inside and line.startswith("calls="):
            calls += int(line[len("calls="):].split()[0])
    return int(total[1]), calls


def indirect_calls(program, function):
    text = run("objdump", "--disassemble=" + function, "--no-show-raw-insn", program).stdout
    if f"<{function}>:" not in text or "ret" not in text:
        raise SystemExit(f"objdump shows no {function}")
    return [line.strip() for line in text.splitlines() if re.search(r"\b(?:call|jmp)\s+\*", line)]


def main(program):
    failures = []
    for call, bound in BOUNDS.items():
        (few, _), (many, calls) = count(program, call, FEW), count(program, call, MANY)
        each = (many - few) / (MANY - FEW)
        print(f"{call:<12} {each:6.2f} instructions, at most {bound}")
        if not 1 <= each <= bound:
            failures.append(f"{call} takes {each:.2f} instructions")
        # One call a chunk, and one at the end; anything more is on the hot path.
        size = 16 if call == "append_16" else 1
        if calls > 2 * (MANY * size // CHUNK + 2):
            failures.append(f"{call} made {calls} calls in {MANY} rounds")
    for function in ("hot_append_16", "hot_append_byte"):
        failures += [f"{function} has an indirect call or jump: {line}" for line in indirect_calls(program, function)]
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
