"""Python's SpooledTemporaryFile on the workloads of workloads.hpp."""

import os
import statistics
import tempfile
import time

DIRECTORY = os.environ.get("TMPDIR") or "/var/tmp"
THRESHOLD = 2 << 20
KIB, MIB = 1 << 10, 1 << 20


def make():
    return tempfile.SpooledTemporaryFile(max_size=THRESHOLD, dir=DIRECTORY)


def measure(workload, operations, run):
    run()
    times = []
    for _ in range(3):
        begin = time.thread_time()
        run()
        times.append(time.thread_time() - begin)
    print(f"SpooledTemporaryFile\t{workload}\t{statistics.median(times) * 1e9 / operations:.3f}", flush=True)


def fill(file, piece, size):
    block = b"x" * piece
    for _ in range(size // piece):
        file.write(block)
    file.flush()


def append(workload, piece, size):
    def run():
        with make() as file:
            fill(file, piece, size)

    measure(workload, size // piece, run)


def main():
    append("A1", 16, MIB)
    append("S1", 64 * KIB, 256 * MIB)
    append("S2.16", 16, 64 * MIB)
    append("S2.512", 512, 64 * MIB)
    with make() as full:
        fill(full, 64 * KIB, 256 * MIB)

        def sequential():
            full.seek(0)
            seen = 0
            while chunk := full.read(64 * KIB):
                seen += len(chunk)
            assert seen == 256 * MIB

        measure("R1", 4096, sequential)

        def at_random():
            random = 42
            for _ in range(4096):
                random = (random * 6364136223846793005 + 1442695040888963407) % (1 << 64)
                full.seek((random >> 20) % (256 * MIB - 4096))
                assert len(full.read(4096)) == 4096

        measure("R3", 4096, at_random)

    def life():
        for _ in range(500):
            with make() as file:
                fill(file, KIB, KIB)
                file.seek(0)
                assert len(file.read(KIB)) == KIB

    measure("L1", 500, life)


if __name__ == "__main__":
    main()
