"""The command line of scripts/bench, and what a run consists of."""
import argparse
import collections
import pathlib
import statistics
import subprocess
import sys
import time

from . import machine, report
from .machine import Cores, Unsuitable
from .parts import PARTS
from .processes import Failed, Processes
from .programs import ROOT, Programs
from .servers import Servers

DESCRIPTION = """annulet beside Valkey on this machine: CPU per request, throughput, latency, memory.

The servers run in turn on one core and the load generator on the others, so two cores are needed. annulet is built,
Valkey comes from PyPI into target/bench; nothing is installed and nothing listens beyond loopback. redis-benchmark
comes with Debian's redis-tools, the proxy of the part any-node with Debian's nutcracker; --install installs both.
Tables go to stdout, progress to stderr. docs/benchmarks/README.md says what the figures mean."""

EXAMPLES = """examples:
  scripts/bench --quick                          five minutes, rough
  scripts/bench --only cpu,latency               some parts
  scripts/bench --servers annulet,redis8,valkey  with Redis 8 as well
  scripts/bench --write-docs                     everything, into docs/benchmarks

exit codes: 0 = measured, 1 = something failed or was left out, 2 = wrong usage"""

# More than this at the start means that other programs take part in the measurement.
LOAD_AVERAGE_MAX = 0.5
# How --quick cuts down: one run, an eighth of the requests, seconds and keys.
QUICK_SHARE = 8


class Log:
    """Lines of progress with the time since the start and the part under way. Call it with a text."""

    def __init__(self):
        self.part = ""
        self._started = time.monotonic()

    def __call__(self, text):
        seconds = int(time.monotonic() - self._started)
        part = f"{self.part}: " if self.part else ""
        print(f"[{seconds // 60:2}:{seconds % 60:02}] {part}{text}", file=sys.stderr, flush=True)


class Bench:
    """What the parts work with."""

    def __init__(self, options, processes, programs, log):
        self.processes = processes
        self.programs = programs
        self.servers = Servers(processes, programs)
        self.cores = Cores()
        self.kinds = options.servers
        self.quick = options.quick
        self.reps = options.reps or (1 if options.quick else 3)
        self.benchmark_keys = self.scaled(1_000_000)
        self.memory_keys = options.keys or self.scaled(4_000_000)
        self.records = []
        self.notes = collections.defaultdict(list)
        self.log = log

    def scaled(self, number):
        return number // QUICK_SHARE if self.quick else number

    def seconds(self, number):
        return max(1, number // QUICK_SHARE) if self.quick else number

    def record(self, part, test, server, **fields):
        self.records.append({"part": part, "test": test, "server": server, **fields})

    def record_samples(self, part, test, server, samples, **fields):
        """Records the medians of some runs, how far apart they were, and the runs."""
        cpu_us = [sample.cpu_us for sample in samples]
        median = statistics.median(cpu_us)
        self.record(part, test, server, cpu_us=median,
                    spread=(max(cpu_us) - min(cpu_us)) / median if len(samples) > 1 else None,
                    requests_per_s=statistics.median(sample.requests_per_s for sample in samples),
                    busy=statistics.median(sample.busy for sample in samples), **fields,
                    runs=[{"cpu_us": sample.cpu_us, "requests_per_s": sample.requests_per_s} for sample in samples])


def parse(argv):
    parser = argparse.ArgumentParser(prog="scripts/bench", description=DESCRIPTION, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [part.NAME for part in PARTS]
    parser.add_argument("--only", metavar="PART,..", default=names, type=_among(names), help=f"of {', '.join(names)}")
    parser.add_argument("--servers", metavar="KIND,..", default=["annulet", "valkey"], type=_among(Servers.KINDS),
                        help=f"of {', '.join(Servers.KINDS)} (default: annulet,valkey)")
    parser.add_argument("--quick", action="store_true", help="one run of an eighth of everything")
    parser.add_argument("--reps", metavar="N", type=_positive, help="runs of which the median counts (default: 3)")
    parser.add_argument("--keys", metavar="N", type=_positive, help="keys of the part memory (default: 4000000)")
    parser.add_argument("--annulet", metavar="FILE", help="measure this binary instead of building one")
    parser.add_argument("--install", action="store_true", help="install missing Debian packages (as root, or by sudo)")
    parser.add_argument("--json", metavar="FILE", help="write every measurement there")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks/YYYY-MM-DD.md and .json")
    return parser.parse_args(argv)


def _among(names):
    def check(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not among {', '.join(names)}")
        return chosen

    return check


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be above zero")
    return number


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    options = parse(argv)
    facts = machine.describe()
    log = Log()
    if facts["load_average"] > LOAD_AVERAGE_MAX:
        log(f"the load average is {facts['load_average']}: something else is running, so trust ratios only, and roughly")
    try:
        with Processes() as processes:
            programs = Programs(log, options.annulet, options.install)
            bench = Bench(options, processes, programs, log)
            complete, done = run_parts(bench, options)
    except Unsuitable as why:
        print(f"scripts/bench: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("scripts/bench: interrupted; everything it started is stopped", file=sys.stderr)
        return 130
    settings = {"reps": bench.reps, "quick": bench.quick, "benchmark_keys": bench.benchmark_keys,
                "memory_keys": bench.memory_keys, "server_cores": bench.cores.server, "load_cores": bench.cores.load}
    run = {"command": " ".join(["scripts/bench", *argv]), "machine": facts, "versions": programs.versions(),
           "settings": settings, "notes": bench.notes}
    write(run, done, bench, options)
    return 0 if complete else 1


def run_parts(bench, options):
    """Runs the chosen parts; whether all of them could be run, and which."""
    complete, done = True, []
    for part in PARTS:
        if part.NAME not in options.only:
            continue
        bench.log.part = part.NAME
        try:
            part.run(bench)
        except (Unsuitable, Failed, OSError, subprocess.CalledProcessError) as why:
            # The other parts may still be of use.
            bench.log(f"left out: {why}")
            bench.processes.stop_all()
            complete = False
            continue
        done.append(part)
        print(f"{part.TITLE}\n\n{report.as_text(report.rows(part, bench.records))}\n", flush=True)
        for note in bench.notes[part.NAME]:
            print(f"{note}\n", flush=True)
    bench.log.part = ""
    return complete, done


def write(run, done, bench, options):
    """Writes the files that were asked for."""
    files = {}
    if options.json:
        files[pathlib.Path(options.json)] = report.as_json(run, bench.records)
    if options.write_docs:
        base = ROOT / "docs" / "benchmarks" / run["machine"]["date"][:10]
        files[base.with_suffix(".md")] = report.as_page(run, done, bench.records, bench.notes)
        files[base.with_suffix(".json")] = report.as_json(run, bench.records)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        bench.log(f"wrote {path}")
