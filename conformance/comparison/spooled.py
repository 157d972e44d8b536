#!/usr/bin/python3
"""Python's SpooledTemporaryFile while its storage fails: what of its content is left, and whether the write that failed can be made again.

    spooled.py FAULT DIRECTORY        the faults: see scripts/compare, which runs this beside hybrid.cpp
"""
import errno
import os
import resource
import shutil
import signal
import sys
import tempfile

THRESHOLD = 64 * 1024
PIECE = 10_000


def piece(number):
    return bytes((number * 7919 + i * 31 + i // 251) % 256 for i in range(PIECE))


def set_soft(which, soft):
    resource.setrlimit(which, (soft, resource.getrlimit(which)[1]))


class Fault:
    """Makes storage fail from some point on, and ends that."""

    def __init__(self, name, directory):
        self.name, self.directory = name, directory
        self.before = {which: resource.getrlimit(which)[0] for which in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)}
        if name == "file-limit":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            set_soft(resource.RLIMIT_FSIZE, 200_000)
        elif name == "spill-beyond-file-limit":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            set_soft(resource.RLIMIT_FSIZE, 30_000)
        elif name in ("full-disk", "spill-to-full-disk"):
            room = 30_000 if name == "spill-to-full-disk" else 250_000
            status = os.statvfs(directory)
            with open(os.path.join(directory, "ballast"), "wb") as ballast:
                os.posix_fallocate(ballast.fileno(), 0, status.f_bavail * status.f_frsize - room)
        elif name == "no-descriptor":
            unused = os.dup(0)
            os.close(unused)
            set_soft(resource.RLIMIT_NOFILE, unused)
        elif name == "no-directory":
            shutil.rmtree(directory)

    def end(self):
        for which, soft in self.before.items():
            set_soft(which, soft)
        if self.name in ("full-disk", "spill-to-full-disk"):
            os.unlink(os.path.join(self.directory, "ballast"))
        if self.name == "no-directory":
            os.mkdir(self.directory)


def content_of(file):
    file.seek(0)
    return file.read()


def main(name, directory):
    if name == "killed":
        file = tempfile.SpooledTemporaryFile(max_size=THRESHOLD, dir=directory)
        for number in range(20):
            file.write(piece(number))
        os.kill(os.getpid(), signal.SIGKILL)
    file = tempfile.SpooledTemporaryFile(max_size=THRESHOLD, dir=directory)
    fault = Fault(name, directory)
    written = b""
    failed = None
    for number in range(200):
        try:
            file.write(piece(number))
        except OSError as error:
            failed = error
            break
        written += piece(number)
    if failed is None:
        print("no write failed")
        return
    words = [f"write {number + 1} fails ({errno.errorcode[failed.errno]})"]
    try:
        left = content_of(file)
        good = len(os.path.commonprefix([left, written]))
        words.append("everything before is readable" if good == len(written) else f"{len(written) - good} of {len(written)} bytes before are lost")
        words.append("the failed write left nothing" if len(left) <= len(written) else f"{len(left) - len(written)} bytes of the failed write are there")
        file.seek(0, os.SEEK_END)
    except Exception as error:  # whatever it is, it is the outcome
        words.append(f"reading fails ({type(error).__name__})")
    fault.end()
    try:
        file.write(piece(number))
        whole = content_of(file)
        words.append("the retry is exact" if whole == written + piece(number) else f"after the retry the content is wrong ({len(whole)} bytes for {len(written) + PIECE})")
    except Exception as error:
        words.append(f"the retry fails ({type(error).__name__})")
    print("; ".join(words))


main(sys.argv[1], sys.argv[2])
