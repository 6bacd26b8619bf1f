"""One worker against two: what it costs that they share the keyspace."""
import collections

from ..load import saturate
from ..report import Column
from ..servers import filled

NAME = "workers"
TITLE = "One worker against two"
TEXT = """The same server with one thread on one core, and with two on two cores. If workers got in each other's way,
CPU per request would rise with their number. The load generator has two threads as well."""
SHARED = """This machine has too few cores for two workers and a load generator beside them, so that the three share:
requests/s of two workers is a floor of what they could do, and cannot double here. CPU per request is what to look at;
it includes what the load generator's presence costs the caches. Valkey's I/O threads, which spin while they wait, are
left out for the same reason."""
COLUMNS = (Column("cpu_us", "CPU, µs", "{:.2f}"), Column("spread", "spread", "{:.0%}"),
           Column("requests_per_s", "requests/s", "{:,.0f}"), Column("busy", "cores busy", "{:.2f}"))
RATIO = ("cpu_us", "annulet, 1 worker")

VARIANTS = (("annulet", 1, "annulet, 1 worker"), ("annulet", 2, "annulet, 2 workers"),
            ("valkey", 1, "valkey"), ("valkey", 2, "valkey, io-threads 2"))
REQUESTS = {1: 300_000, 16: 2_000_000, 64: 4_000_000}


def run(bench):
    keys = bench.benchmark_keys
    running = []
    for kind, workers, name in VARIANTS:
        cores, load_cores, shared = bench.cores.of_workers(workers)
        if shared and SHARED not in bench.notes[NAME]:
            bench.notes[NAME].append(SHARED)
        if shared and kind == "valkey":
            continue
        bench.log(f"{name}: filling {keys:,} keys")
        server = filled(bench.servers.start(kind, cores, threads=workers), keys, 64)
        server.name = name
        running.append((server, load_cores))
    tests = [(command, pipeline) for pipeline in REQUESTS for command in ("get", "set")]
    samples = collections.defaultdict(list)
    for rep in range(bench.reps):
        for command, pipeline in tests:
            bench.log(f"{command.upper()} P={pipeline}, run {rep + 1} of {bench.reps}")
            for server, load_cores in running:
                samples[command, pipeline, server].append(
                    saturate(bench, server, command, pipeline, bench.scaled(REQUESTS[pipeline]), keys,
                             cores=load_cores, threads=2))
    bench.servers.stop(*[server for server, _ in running])
    for command, pipeline in tests:
        for server, _ in running:
            bench.record_samples(NAME, f"{command.upper()} P={pipeline}", server.name,
                                 samples[command, pipeline, server], command=command, pipeline=pipeline)
