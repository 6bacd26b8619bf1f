"""Any key at any node: three nodes of ours against a proxy in front of three Valkeys."""
import collections

from ..load import saturate
from ..report import Column
from ..servers import filled

NAME = "any-node"
TITLE = "Any key at any node"
TEXT = """Three annulet nodes and their NameNode, all clients at one node, so that two thirds of the keys are elsewhere and
are forwarded; against nutcracker (twemproxy), which forwards everything, in front of three Valkeys. Either way one
address serves all keys of three servers. All processes share one core; `CPU` is the time of all of them per request."""
COLUMNS = (Column("cpu_us", "CPU, µs", "{:.2f}"), Column("spread", "spread", "{:.0%}"),
           Column("requests_per_s", "requests/s", "{:,.0f}"), Column("busy", "busy", "{:.2f}"))
RATIO = ("cpu_us", "nutcracker, 3 valkeys")

NODES = 3
REQUESTS = {1: 100_000, 16: 500_000, 64: 500_000}


def run(bench):
    bench.programs.nutcracker()
    keys = bench.benchmark_keys
    bench.log(f"starting {NODES} nodes, and nutcracker with {NODES} valkeys; filling {keys:,} keys")
    servers = [filled(bench.servers.annulet_cluster(NODES, bench.cores.server), keys, 64),
               filled(bench.servers.nutcracker(NODES, bench.cores.server), keys, 64)]
    tests = [(command, pipeline) for pipeline in REQUESTS for command in ("get", "set")]
    samples = collections.defaultdict(list)
    for rep in range(bench.reps):
        for command, pipeline in tests:
            bench.log(f"{command.upper()} P={pipeline}, run {rep + 1} of {bench.reps}")
            for server in servers:
                samples[command, pipeline, server].append(
                    saturate(bench, server, command, pipeline, bench.scaled(REQUESTS[pipeline]), keys))
    bench.servers.stop(*servers)
    for command, pipeline in tests:
        for server in servers:
            bench.record_samples(NAME, f"{command.upper()} P={pipeline}", server.name,
                                 samples[command, pipeline, server], command=command, pipeline=pipeline)
