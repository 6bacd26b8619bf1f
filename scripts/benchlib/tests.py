"""Tests of what can be wrong without a server; scripts/test runs them."""
import collections
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import types
import unittest

from . import load, machine, main, report
from .processes import Failed, Processes, cpu_seconds, free_ports, resident_bytes


def instructions():
    """scripts/instructions as a module."""
    path = pathlib.Path(__file__).resolve().parent.parent / "instructions"
    loader = importlib.machinery.SourceFileLoader("instructions", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("instructions", loader))
    loader.exec_module(module)
    return module


class Instructions(unittest.TestCase):
    def test_a_figure_above_the_tolerance_is_named_and_one_below_is_not(self):
        lines, too_high = instructions().verdict({"GET P=1": 1111, "SET P=1": 1099, "new": 5},
                                                 {"GET P=1": 1000, "SET P=1": 1000})
        self.assertEqual(too_high, ["GET P=1"])
        self.assertEqual(lines[0], "GET P=1: 1111 instructions (accepted 1000, +11.1%)")
        self.assertEqual(lines[2], "new: 5 instructions (none accepted yet)")


class Load(unittest.TestCase):
    def test_throughput_is_the_last_row_of_redis_benchmark(self):
        output = 'WARNING: no CONFIG\n"test","rps","avg_latency_ms"\n"GET","98039.22","0.4"\n'
        self.assertEqual(load.requests_per_s(output), 98039.22)
        self.assertRaises(Failed, load.requests_per_s, "Error: connection refused\n")

    def test_a_sample_is_cpu_per_request_and_share_of_a_core(self):
        sample = load.Sample(requests=200_000, requests_per_s=100_000, cpu_seconds=1.6)
        self.assertAlmostEqual(sample.cpu_us, 8.0)
        self.assertAlmostEqual(sample.busy, 0.8)

    def test_requests_are_arrays_of_bulks(self):
        self.assertEqual(load.encode(b"GET", b"key"), b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")


class Machine(unittest.TestCase):
    def test_core_lists_are_ranges_and_single_cores(self):
        self.assertEqual(machine.core_list("0-2,8\n"), {0, 1, 2, 8})

    def test_the_facts_name_the_processor_and_the_kernel(self):
        facts = machine.describe()
        self.assertTrue(facts["cpu"] and facts["kernel"] and facts["cores"] >= 1, facts)


class Programs(unittest.TestCase):
    def test_nothing_that_was_started_outlives_its_processes(self):
        with Processes() as processes:
            sleeper = processes.start(["sleep", "1000"], os.sched_getaffinity(0))
            folder = sleeper.said.parent
            self.assertGreaterEqual(cpu_seconds(sleeper), 0)
            self.assertGreater(resident_bytes(sleeper), 0)
        self.assertIsNotNone(sleeper.poll())
        self.assertFalse(folder.exists())

    def test_a_program_that_fails_is_an_error_with_what_it_said(self):
        cores = os.sched_getaffinity(0)
        with Processes() as processes:
            with self.assertRaisesRegex(Failed, "no such key"):
                processes.run(["sh", "-c", "echo no such key >&2; exit 3"], cores)
            with self.assertRaisesRegex(Failed, "out of luck"):
                processes.start(["sh", "-c", "echo out of luck; exit 3"], cores, port=free_ports((0,)))


class Report(unittest.TestCase):
    PART = types.SimpleNamespace(NAME="cpu", TITLE="CPU", TEXT="Of one core.", RATIO=("cpu_us", "valkey"),
                                 COLUMNS=(report.Column("cpu_us", "CPU, µs", "{:.2f}"),
                                          report.Column("busy", "busy", "{:.2f}")))
    RECORDS = [{"part": "cpu", "test": "GET", "server": "annulet", "cpu_us": 4.0, "busy": 1.0},
               {"part": "cpu", "test": "GET", "server": "valkey", "cpu_us": 8.0, "busy": None},
               {"part": "memory", "test": "GET", "server": "valkey"}]

    def test_a_table_compares_with_the_reference_and_names_a_test_once(self):
        table = report.rows(self.PART, self.RECORDS)
        self.assertEqual(table, [["test", "server", "CPU, µs", "busy", "CPU / valkey"],
                                 ["GET", "annulet", "4.00", "1.00", "0.50"],
                                 ["", "valkey", "8.00", "", ""]])
        self.assertEqual(report.as_text(table).splitlines()[1], "GET   annulet     4.00  1.00          0.50")

    def test_without_the_reference_there_is_no_ratio(self):
        self.assertEqual(report.rows(self.PART, self.RECORDS[:1])[0], ["test", "server", "CPU, µs", "busy"])

    def test_the_page_says_where_and_with_what(self):
        facts = {**machine.describe(), "date": "2026-11-21T12:00:00+00:00"}
        run = {"command": "scripts/bench", "machine": facts, "versions": {"valkey": "9.1"}, "settings": {"reps": 3}}
        page = report.as_page(run, [self.PART], self.RECORDS, collections.defaultdict(list))
        self.assertTrue(page.startswith("# Benchmarks of 2026-11-21\n"), page)
        self.assertIn("| GET | annulet | 4.00 | 1.00 | 0.50 |", page)
        self.assertEqual(json.loads(report.as_json(run, self.RECORDS))["records"], self.RECORDS)


class CommandLine(unittest.TestCase):
    def test_every_part_and_server_can_be_named(self):
        options = main.parse(["--only", "cpu,any-node", "--servers", "annulet,redis8", "--quick"])
        self.assertEqual((options.only, options.servers), (["cpu", "any-node"], ["annulet", "redis8"]))
