"""Pairs what the benchmarks measured in turn, and holds the medians of the ratios against the goals.

    ratios.py [--s3] FILE.json…      the output of the paired programs (--benchmark_format=json); --s3: of s3_benchmark

One line a goal: `A1 1.18 goal <= 1.20 ok`. `near` is up to 15 % beyond the goal; more than that is `FAIL`, and the exit code is 1. A
goal that nothing was measured for fails as well, and so does a case that failed.
"""

import dataclasses
import json
import statistics
import sys

FAILING = 1.15


@dataclasses.dataclass(frozen=True)
class Goal:
    """`value` of the ratio of times subject / limit ("time"), of the speeds ("speed"; "speed on the clock" for what others do
    meanwhile), or of a counter of the subject."""

    name: str
    what: str
    group: str
    subject: str
    limit: str
    kind: str
    bound: float

    @property
    def is_upper(self):
        return self.kind not in ("speed", "speed on the clock", "worst", "throughput")

    def verdict(self, value):
        beyond = value / self.bound if self.is_upper else self.bound / value
        return "ok" if beyond <= 1 else "near" if beyond <= FAILING else "FAIL"


GOALS = [
    Goal("A1", "16 bytes, new buffer / malloc + copy", "A1", "buffer", "limit", "time", 1.2),
    Goal("A2", "16 bytes, reused / copy through an object", "A2", "buffer", "limit", "time", 1.1),
    Goal("A2.length", "16 bytes, length known at run time / libc's memcpy", "A2.length", "buffer", "limit", "time", 0.4),
    Goal("A2.mixed", "1 to 32 bytes / libc's memcpy", "A2.mixed", "buffer", "limit", "time", 1.1),
    Goal("A3.new_1m", "64 KiB to 1 MiB, new, speed / memcpy", "A3.new_1m", "buffer", "limit", "speed", 0.95),
    Goal("A3.reused_1m", "64 KiB to 1 MiB, reused, speed / memcpy", "A3.reused_1m", "buffer", "limit", "speed", 0.95),
    Goal("A3.new_16m", "64 KiB to 16 MiB, new, speed / memcpy", "A3.new_16m", "buffer", "limit", "speed", 0.8),
    Goal("A3.reused_16m", "64 KiB to 16 MiB, reused, speed / memcpy", "A3.reused_16m", "buffer", "limit", "speed", 0.8),
    Goal("A3.offsets", "speed at the worst offset in a page / at the best", "A3.offsets", "*", "*", "worst", 0.8),
    Goal("S1.plain", "256 MiB by 64 KiB, speed / write(2)", "S1", "plain", "limit", "speed", 1.1),
    Goal("S1.while_stored", "with 512 KiB while bytes are stored", "S1", "less_while_stored", "limit", "speed", 1.1),
    Goal("S1.reserved", "with reservation ahead", "S1", "reserved", "limit", "speed", 1.5),
    Goal("S1.recycled", "with a recycled file", "S1", "recycled", "limit", "speed", 2.2),
    Goal("S2.16", "16 bytes while spilled / 256 KiB staged", "S2.16", "buffer", "limit", "time", 0.85),
    Goal("S2.16.recycled", "with a recycled file", "S2.16", "recycled", "limit", "time", 0.45),
    Goal("S2.512", "512 bytes while spilled / 256 KiB staged", "S2.512", "buffer", "limit", "time", 1.0),
    Goal("S2.512.while_stored", "with 512 KiB while bytes are stored", "S2.512", "less_while_stored", "limit", "time", 1.0),
    Goal("S2.512.recycled", "with a recycled file", "S2.512", "recycled", "limit", "time", 0.6),
    Goal("R1.read", "read-back by 64 KiB, speed / read(2)", "R1.read", "buffer", "limit", "speed", 1.0),
    Goal("R1.chunks", "sum over chunks(), copied, speed / read(2) + sum", "R1.chunks", "buffer", "limit", "speed", 1.0),
    Goal("R1.chunks.mapped", "with a mapped reader", "R1.chunks", "mapped", "limit", "speed", 2.5),
    Goal("R2.bytes", "get() / getc_unlocked of a window of 64 KiB", "R2.bytes", "buffer", "limit", "time", 1.0),
    Goal("R2.bytes.mapped", "next_chunk() of a mapped reader, byte by byte", "R2.bytes", "mapped", "limit", "time", 0.7),
    Goal("R2.lines", "lines() / memchr over a window", "R2.lines", "buffer", "limit", "time", 1.0),
    Goal("R2.lines.mapped", "with a mapped reader", "R2.lines", "mapped", "limit", "time", 0.7),
    Goal("R3", "random 4 KiB read_at / pread(2)", "R3", "buffer", "limit", "time", 0.75),
    Goal("R3.mapped", "with a mapped reader, all in one window", "R3", "mapped", "limit", "time", 0.45),
    Goal("M1", "2 GiB through 16 MiB / write(2), then read(2)", "M1", "buffer", "limit", "time", 0.8),
    Goal("M1.while_stored", "with 1 MiB while bytes are stored", "M1", "less_while_stored", "limit", "time", 0.8),
    Goal("M1.memory", "the most memory, MiB", "M1", "buffer", "limit", "memory_MiB", 16 + 1 / 16 + 1),
    Goal("L1", "1 KiB in and out, life and death / malloc", "L1", "buffer", "limit", "time", 0.9),
    Goal("L1.inline", "with InlineMemory", "L1", "inline", "limit", "time", 0.5),
    Goal("L2", "spilled life cycle / O_TMPFILE, write, close", "L2", "buffer", "limit", "time", 1.1),
    Goal("L2.recycled", "with a recycled file", "L2", "recycled", "limit", "time", 0.15),
    Goal("L2.slack", "with a chunk of slack, so without a file", "L2", "slack", "limit", "time", 0.005),
    Goal("C1.alive", "a buffer of 100 000 alive / of 100", "C1.alive", "segmented_100k", "segmented_100", "time", 1.1),
    Goal("C1.alive.small", "with chunks of 256 bytes", "C1.alive", "small_chunks_100k", "small_chunks_100", "time", 1.1),
    Goal("C1.alive.inline", "with InlineMemory", "C1.alive", "inline_100k", "inline_100", "time", 1.1),
    Goal("C1.in_turn", "1 000 spilling in turn / plain files", "C1.in_turn", "buffer", "limit", "time", 1.1),
    Goal("C1.threads", "2 threads, throughput / of one", "C1.threads", "two", "one", "throughput", 1.8),
    Goal("G1", "cost a byte of 2 GiB / of 64 MiB", "G1", "largest", "64m", "time a byte", 1.1),
]
# The memory is what S3Options documents: as many parts, or ranges, as are under way, and one. libcurl's buffers come on top.
S3_GOALS = [
    Goal("S3.write", "256 MiB in parts, speed / libcurl, bodies signed", "S3.write", "storage", "limit", "speed on the clock", 0.8),
    Goal("S3.write.sha256", "without MD5 / the same", "S3.write", "without_md5", "limit", "speed on the clock", 0.8),
    Goal("S3.write.unsigned", "without MD5 / libcurl, bodies not signed", "S3.write", "without_md5", "unsigned", "speed on the clock", 0.8),
    Goal("S3.read", "256 MiB in ranges, speed / libcurl", "S3.read", "storage", "limit", "speed on the clock", 0.8),
    Goal("S3.write.memory", "the most memory of a writer, MiB", "S3.write", "storage", "limit", "memory_MiB", 8 * (4 + 1)),
    Goal("S3.read.memory", "the most memory of a reader, MiB", "S3.read", "storage", "limit", "memory_MiB", 4 * (4 + 1)),
]


class Measured:
    """times[group][case][repetition] in nanoseconds of processor time; the counters and bytes a second beside them."""

    def __init__(self):
        self.cases = {}
        self.errors = []

    def read(self, text):
        for entry in json.loads(text)["benchmarks"]:
            group, repetition, case = entry["name"].split("/")[:3]
            if entry.get("error_occurred"):
                self.errors.append(f"{entry['name']}: {entry['error_message']}")
                continue
            self.cases.setdefault(group, {}).setdefault(case, {})[int(repetition)] = entry

    def pairs(self, group, subject, limit):
        subjects, limits = (self.cases.get(group, {}).get(case, {}) for case in (subject, limit))
        return [(subjects[i], limits[i]) for i in sorted(subjects.keys() & limits.keys())]

    def value(self, goal):
        """The median over the repetitions, or None."""
        if goal.kind == "worst":
            return self.worst(goal.group)
        values = [ratio(goal.kind, subject, limit) for subject, limit in self.pairs(goal.group, goal.subject, goal.limit)]
        return statistics.median(values) if values else None

    def worst(self, group):
        """The slowest case's speed beside the fastest's; each case by the median of what it took."""
        times = [statistics.median(entry["cpu_time"] for entry in case.values()) for case in self.cases.get(group, {}).values()]
        return min(times) / max(times) if times else None


def ratio(kind, subject, limit):
    if kind == "time":
        return subject["cpu_time"] / limit["cpu_time"]
    if kind == "speed":
        return limit["cpu_time"] / subject["cpu_time"]
    if kind == "speed on the clock":
        return limit["real_time"] / subject["real_time"]
    if kind in ("time a byte", "throughput"):
        speeds = subject["bytes_per_second"], limit["bytes_per_second"]
        return speeds[1] / speeds[0] if kind == "time a byte" else 2 * speeds[0] / speeds[1]
    return subject[kind]


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    goals = GOALS
    if arguments[0] == "--s3":
        goals = S3_GOALS
        arguments = arguments[1:]
    measured = Measured()
    for name in arguments:
        with open(name, encoding="utf-8") as file:
            measured.read(file.read())
    failed = bool(measured.errors)
    for error in measured.errors:
        print(f"error: {error}", file=sys.stderr)
    for goal in goals:
        value = measured.value(goal)
        sign = "<=" if goal.is_upper else ">="
        if value is None:
            failed = True
            print(f"{goal.name:<19} not measured, goal {sign} {goal.bound:g} FAIL  {goal.what}")
            continue
        verdict = goal.verdict(value)
        failed = failed or verdict == "FAIL"
        print(f"{goal.name:<19} {value:7.3f} goal {sign} {goal.bound:<6.4g} {verdict:<4}  {goal.what}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
