"""What a request costs the server, one core, one client program."""
import collections
import statistics

from ..load import saturate
from ..report import Column
from ..servers import filled

NAME = "cpu"
TITLE = "CPU per request, one worker"
TEXT = """One server process on one core, redis-benchmark on the others. `CPU` is the processor time of the server, user
and kernel, divided by the requests: it does not depend on how fast the load generator is. `requests/s` does: it says
what the server can do only where `busy`, the share of its core that it used, is near 1. `P` is the number of requests
that a client sends at once."""
COLUMNS = (Column("cpu_us", "CPU, µs", "{:.2f}"), Column("spread", "spread", "{:.0%}"),
           Column("requests_per_s", "requests/s", "{:,.0f}"), Column("busy", "busy", "{:.2f}"))
RATIO = ("cpu_us", "valkey")

# Requests per run, by pipeline: one to two seconds.
REQUESTS = {1: 200_000, 16: 1_500_000, 64: 3_000_000}

Test = collections.namedtuple("Test", "command pipeline connections requests")


def tests_of(value_bytes):
    """What is run on values of this size."""
    def both(pipeline, connections=50, share=1.0):
        return [Test(command, pipeline, connections, int(REQUESTS[pipeline] * share)) for command in ("get", "set")]

    if value_bytes == 64:
        return both(1) + both(16) + both(64) + both(1, connections=1000, share=2.0)
    if value_bytes == 1024:
        return both(1) + both(16, share=0.5)
    return both(1, share=0.25)


def run(bench):
    # Fewer keys where values are large: 1 KiB takes 200 MB per server, 64 KiB takes 128 MB.
    for value_bytes, keys in ((64, bench.benchmark_keys), (1024, 200_000), (65536, 2_000)):
        if not bench.quick or value_bytes == 64:
            measure(bench, value_bytes, keys)


def measure(bench, value_bytes, keys):
    bench.log(f"values of {value_bytes} bytes, {keys:,} keys: filling")
    servers = [filled(bench.servers.start(kind, bench.cores.server), keys, value_bytes) for kind in bench.kinds]
    samples = collections.defaultdict(list)
    tests = tests_of(value_bytes)
    for rep in range(bench.reps):
        for test in tests:
            bench.log(f"{name_of(test, value_bytes)}, run {rep + 1} of {bench.reps}")
            # In turn, so that what disturbs the machine disturbs all of them.
            for server in servers:
                requests = bench.scaled(test.requests)
                samples[test, server].append(saturate(bench, server, test.command, test.pipeline, requests, keys,
                                                      value_bytes, test.connections))
    bench.servers.stop(*servers)
    if any(test.connections != 50 for test in tests):
        bench.notes[NAME].append(compare_connections(samples, servers))
    for test in tests:
        for server in servers:
            bench.record_samples(NAME, name_of(test, value_bytes), server.name, samples[test, server],
                                 value_bytes=value_bytes, **test._asdict())


def compare_connections(samples, servers):
    """How much more a request costs on 1,000 connections than on 50."""
    def cpu_us(server, command, connections):
        runs = [run for (test, of), runs in samples.items() if of is server and test.pipeline == 1
                and test.command == command and test.connections == connections for run in runs]
        return statistics.median(run.cpu_us for run in runs)

    ratios = [f"{server.name} {command.upper()} {cpu_us(server, command, 1000) / cpu_us(server, command, 50):.2f}"
              for server in servers for command in ("get", "set")]
    return f"CPU per request on 1,000 connections against 50, P=1: {', '.join(ratios)}."


def name_of(test, value_bytes):
    size = f"{value_bytes} B" if value_bytes < 1024 else f"{value_bytes // 1024} KiB"
    connections = f", {test.connections} connections" if test.connections != 50 else ""
    return f"{test.command.upper()} P={test.pipeline}, {size}{connections}"
