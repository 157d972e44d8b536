"""The programs that judge and show measurements, on figures that are made up: what they must notice, they notice.

    tools_test.py DIRECTORY        the source's benchmarks/
"""

import contextlib
import io
import json
import pathlib
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PLACE = pathlib.Path()


def measured(group, repetition, case, time, **more):
    return {"name": f"{group}/{repetition}/{case}", "cpu_time": time, "real_time": 2 * time, "bytes_per_second": 1e12 / time, **more}


def goals_met(goals):
    """Figures with which every one of these goals is met exactly, in three repetitions on a processor whose speed changes between them."""
    entries = []
    for speed in range(3):
        unit = 100.0 * (1 + speed)
        seen = {}
        for goal in goals:
            if goal.kind == "worst":
                entries += [measured(goal.group, speed, "fast", unit), measured(goal.group, speed, "slow", unit / goal.bound)]
                continue
            seen.setdefault((goal.group, goal.limit), measured(goal.group, speed, goal.limit, unit))
            subject = seen.setdefault((goal.group, goal.subject), measured(goal.group, speed, goal.subject, unit))
            if goal.kind in ("time", "time a byte"):
                subject.update(cpu_time=unit * goal.bound, bytes_per_second=1e12 / (unit * goal.bound))
            elif goal.kind == "speed":
                subject["cpu_time"] = unit / goal.bound
            elif goal.kind == "speed on the clock":
                of_limit = seen[goal.group, goal.limit]["real_time"]
                subject["real_time"] = of_limit / goal.bound
            elif goal.kind == "throughput":
                subject["bytes_per_second"] = 1e12 / unit * goal.bound / 2
            else:
                subject[goal.kind] = goal.bound
        entries += seen.values()
    return entries


class Tools(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)

    def write(self, name, entries):
        path = self.place / name
        path.write_text(json.dumps({"context": {"date": "today", "num_cpus": 2}, "benchmarks": entries}))
        return str(path)

    def judge(self, entries, *options):
        import ratios

        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            code = ratios.main([*options, self.write("measured.json", entries)])
        return code, text.getvalue()

    def test_a_line_for_each_goal_and_all_met(self):
        import ratios

        for goals, options in ((ratios.GOALS, []), (ratios.S3_GOALS, ["--s3"])):
            code, text = self.judge(goals_met(goals), *options)
            self.assertEqual(code, 0, text)
            self.assertEqual(len(text.splitlines()), len(goals))
            for line in text.splitlines():
                self.assertRegex(line, r"^\S+ +[\d.]+ goal (<=|>=) [\d.]+ +ok ")

    def test_each_goal_is_near_at_ten_percent_beyond_and_fails_at_twenty(self):
        import ratios

        for goal in [*ratios.GOALS, *ratios.S3_GOALS]:
            for beyond, verdict in ((1.1, "near"), (1.2, "FAIL")):
                value = goal.bound * beyond if goal.is_upper else goal.bound / beyond
                self.assertEqual(goal.verdict(value), verdict, goal.name)
            self.assertEqual(goal.verdict(goal.bound), "ok")

    def test_a_slower_subject_fails_by_name(self):
        import ratios

        entries = goals_met(ratios.GOALS)
        for entry in entries:
            if entry["name"].startswith("A1/") and entry["name"].endswith("/buffer"):
                entry["cpu_time"] *= 1.2
        code, text = self.judge(entries)
        self.assertEqual(code, 1)
        self.assertEqual([line.split()[0] for line in text.splitlines() if " FAIL " in line], ["A1"])

    def test_a_slower_store_fails_by_the_clock_alone(self):
        import ratios

        entries = goals_met(ratios.S3_GOALS)
        for entry in entries:
            if entry["name"].startswith("S3.read/") and entry["name"].endswith("/storage"):
                entry["cpu_time"] *= 9
        self.assertEqual(self.judge(entries, "--s3")[0], 0)
        for entry in entries:
            if entry["name"].startswith("S3.read/") and entry["name"].endswith("/storage"):
                entry["real_time"] *= 1.2
        code, text = self.judge(entries, "--s3")
        self.assertEqual(code, 1)
        self.assertEqual([line.split()[0] for line in text.splitlines() if " FAIL " in line], ["S3.read"])

    def test_what_is_missing_or_went_wrong_fails(self):
        import ratios

        entries = goals_met(ratios.GOALS)
        code, text = self.judge([entry for entry in entries if not entry["name"].startswith("R3/")])
        self.assertEqual(code, 1)
        self.assertRegex(text, r"(?m)^R3 +not measured")
        code, text = self.judge([*entries, {"name": "A1/0/buffer", "error_occurred": True, "error_message": "a call failed"}])
        self.assertEqual(code, 1)
        self.assertIn("A1/0/buffer: a call failed", text)

    def test_each_goal_names_cases_that_the_benchmarks_have(self):
        import ratios

        sources = "".join(path.read_text() for path in PLACE.glob("*_benchmark.cpp"))
        for goal in [*ratios.GOALS, *ratios.S3_GOALS]:
            self.assertIn(f'"{goal.group}"', sources)
            for case in {goal.subject, goal.limit} - {"*"}:
                self.assertTrue(f'"{case}"' in sources or f'"{case.rsplit("_", 1)[0]}"' in sources, case)

    def report(self, entries, *more):
        import report

        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            code = report.main(["--html", str(self.place / "r.html"), "--json", str(self.place / "r.json"), *more, self.write("sweep.json", entries)])
        return code, text.getvalue(), (self.place / "r.html").read_text()

    @staticmethod
    def sweep(slower=1.0):
        import report

        entries = []
        for group in report.CURVES:
            entries += [measured(group, i, f"a <series>:{x}", (100 + x) * slower) for i in range(3) for x in (16, 64, 256)]
        for group in report.COMPOSITIONS:
            entries += [measured(group, 0, name, 100 * slower) for name in ("SegmentedMemory", "files & more")]
        quantiles = {name: 10.0 * (i + 1) for i, name in enumerate(report.QUANTILES)}
        return [*entries, measured("latency.append", 0, "16 bytes", 100, **quantiles)]

    def test_the_page_is_one_file_with_a_plot_for_each_group(self):
        import report

        code, _, page = self.report(self.sweep())
        self.assertEqual(code, 0)
        plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
        self.assertEqual(len(plots), len(report.CURVES) + len(report.COMPOSITIONS) + 1)
        for plot in plots:
            xml.etree.ElementTree.fromstring(plot)
        self.assertNotRegex(page, r"""(?:src|href)=["']?(?:https?:)?//""")
        self.assertNotIn("<script", page)
        self.assertIn("files &amp; more", page)
        self.assertEqual(json.loads((self.place / "r.json").read_text())["context"]["num_cpus"], 2)

    def test_a_regression_is_listed_and_fails(self):
        self.report(self.sweep())
        old = self.place / "old.json"
        (self.place / "r.json").rename(old)
        code, text, page = self.report(self.sweep(), "--compare", str(old))
        self.assertEqual((code, text), (0, ""))
        self.assertIn("No regression.", page)
        code, text, page = self.report(self.sweep(slower=1.3), "--compare", str(old))
        self.assertEqual(code, 1)
        self.assertIn("regression: curve.threshold a <series>:64: 1.30 times as long", text)
        self.assertIn("curve.threshold a &lt;series&gt;:64: 1.30 times as long", page)
        code, text, _ = self.report(self.sweep()[1:-1], "--compare", str(old))
        self.assertEqual(code, 1)
        self.assertIn("latency.append 16 bytes: was measured before, and is not now", text)


if __name__ == "__main__":
    PLACE = pathlib.Path(sys.argv.pop(1))
    sys.path.insert(0, str(PLACE))
    unittest.main()
