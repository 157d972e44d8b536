"""hybridbuffer-tune as a user runs it, with small volumes.

    tune_test.py PROGRAM
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = ""
SMALL = ["--write-size", "512", "--total", "4M", "--memory", "1M", "--rounds", "1"]


def tune(*arguments, **how):
    return subprocess.run([PROGRAM, *arguments], **{"capture_output": True, "text": True, "check": False, **how})


class Tune(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp"))
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        self.files = self.place / "files"
        self.files.mkdir()

    def tuned(self, *arguments):
        done = tune(*SMALL, "--directory", str(self.files), *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(self.files.iterdir()), [], "something was left behind")
        return done

    def test_the_recommended_line_is_one_of_those_that_were_measured(self):
        for readback in ("sequential", "random", "none"):
            report = json.loads(self.tuned("--json", "--readback", readback).stdout)
            lines = [one["line"] for one in report["measured"]]
            self.assertIn(report["recommended"]["line"], lines)
            self.assertEqual(len(set(lines)), len(lines))
            self.assertGreaterEqual(len(lines), 2)
            self.assertEqual(report["load"]["readback"], readback)
            for one in report["measured"]:
                self.assertGreater(one["write_bytes_per_second"], 0)
                self.assertEqual(one["read_bytes_per_second"] > 0, readback != "none")
                self.assertGreater(one["margin"], 0)
                self.assertIn(f'.directory = "{self.files}"', one["line"])
                self.assertNotIn("recycled", one["line"])
            self.assertGreater(report["limit_seconds"], 0)

    def test_the_text_begins_with_the_line_and_progress_is_elsewhere(self):
        done = self.tuned()
        first, second, *_ = done.stdout.splitlines()
        self.assertRegex(first, r"^HybridBuffer buffer\{.*SpillAt\{(256|512)_KiB\}.*\};$")
        self.assertRegex(second, r"written \d+ MB/s, read \d+ MB/s, \d+\.\d\d times as fast")
        self.assertIn(first, done.stderr)
        self.assertIn("[1/", done.stderr)

    def test_files_are_recycled_only_for_repeated_buffers(self):
        report = json.loads(self.tuned("--json", "--repeated").stdout)
        recycling = [one["line"] for one in report["measured"] if ".recycled_files = 1" in one["line"]]
        self.assertGreaterEqual(len(recycling), 1)
        for line in recycling:
            self.assertRegex(line, r"^const auto storage = .*; HybridBuffer buffer\{.*, storage\};$")

    def test_a_load_that_fits_is_kept_in_memory(self):
        done = tune("--total", "2M", "--memory", "8M", "--rounds", "1", "--json", "--directory", str(self.files))
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["volume"], 2 << 20)
        self.assertTrue(any(one["threshold"] >= report["volume"] for one in report["measured"]))

    def test_the_plot_is_well_formed_and_shows_each_composition(self):
        plot = self.place / "a plot.svg"
        report = json.loads(self.tuned("--json", "--plot", str(plot)).stdout)
        root = xml.etree.ElementTree.parse(plot).getroot()
        space = "{http://www.w3.org/2000/svg}"
        self.assertEqual(root.tag, space + "svg")
        self.assertEqual(len(root.findall(space + "circle")), len(report["measured"]))
        words = " ".join(text.text for text in root.iter(space + "text"))
        self.assertIn("SegmentedMemory<>{}", words)
        self.assertIn("the hand-written loop", words)

    def test_odd_directories_are_quoted(self):
        odd = self.files / 'a "b" <c> \\ d'
        odd.mkdir()
        plot = self.place / "plot.svg"
        done = tune(*SMALL, "--directory", str(odd), "--json", "--plot", str(plot))
        self.assertEqual(done.returncode, 0, done.stderr)
        xml.etree.ElementTree.parse(plot)
        self.assertIn('\\"b\\" <c> \\\\ d"', json.loads(done.stdout)["recommended"]["line"])

    def test_wrong_arguments_are_refused_by_name(self):
        for arguments, words in [
            (["--write-size", "0"], ["--write-size '0'", "less than 1"]),
            (["--write-size", "5x"], ["--write-size '5x'", "not a size"]),
            (["--write-size"], ["--write-size needs a value"]),
            (["--total", "-1"], ["--total '-1'"]),
            (["--total", "99999999999999999999"], ["--total", "64 bits"]),
            (["--total", "16777216T"], ["--total", "64 bits"]),
            (["--write-size", "2K", "--total", "1K"], ["--write-size is more than --total"]),
            (["--read-size", "2M", "--total", "1M"], ["--read-size is more than --total"]),
            (["--memory", "4K"], ["--memory '4K'", "1_MiB"]),
            (["--readback", "backwards"], ["--readback 'backwards'"]),
            (["--rounds", "many"], ["--rounds 'many'"]),
            (["--directory", "here"], ["--directory 'here'", "absolute"]),
            (["--directory", str(self.place / "missing")], ["--directory", "no such directory"]),
            (["--plot", "plot.png"], ["--plot 'plot.png'", ".svg"]),
            (["--bogus"], ["unknown option --bogus"]),
            (["--bogus=1"], ["unknown option --bogus=1"]),
            (["-xh"], ["unknown option -x"]),
            (["--json", "-xh"], ["unknown option -x"]),
            (["--json=1"], ["--json takes no value"]),
            (["--help=1"], ["--help takes no value"]),
            (["--re", "4"], ["ambiguous option --re: --readback, --read-size, --repeated"]),
            (["surplus"], ["unexpected argument surplus"]),
        ]:
            done = tune(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertEqual(done.stdout, "")
            for word in words:
                self.assertIn(word, done.stderr)

    def test_a_plot_that_cannot_be_written_is_said_before_anything_is_measured(self):
        done = tune(*SMALL, "--directory", str(self.files), "--plot", str(self.place / "missing" / "plot.svg"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stderr)
        self.assertNotIn("[1/", done.stderr)

    def test_a_plot_that_is_there_stays_until_it_is_replaced(self):
        plot = self.place / "plot.svg"
        huge = ["--total", "100000G", "--memory", "200000G", "--plot", str(plot)]
        self.assertEqual(tune(*huge).returncode, 1)
        self.assertFalse(plot.exists(), "a plot without anything measured")
        plot.write_text("of yesterday")
        self.assertEqual(tune(*huge).returncode, 1)
        self.assertEqual(plot.read_text(), "of yesterday")

    def test_too_little_memory_is_said_in_words(self):
        done = tune("--total", "100000G", "--memory", "200000G")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not enough memory", done.stderr)

    def test_the_limit_of_file_sizes_is_an_error(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        done = tune(*SMALL, "--directory", str(self.files), preexec_fn=limit)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("File too large", done.stderr)

    def test_output_that_does_not_arrive_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = tune("--help", capture_output=False, stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write standard output", done.stderr)

    def test_the_help_names_every_option(self):
        done = tune("--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--write-size", "--total", "--readback", "--memory", "--directory", "--json", "--plot", "--repeated"):
            self.assertIn(option, done.stdout)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
