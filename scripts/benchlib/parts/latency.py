"""How long a request takes when the server is half busy."""
import statistics

from ..load import pace
from ..report import Column
from ..servers import filled

NAME = "latency"
TITLE = "Latency at half of the saturating load"
TEXT = """First each server is given as much as it takes (50 connections, the next pipeline of each as soon as its last is
answered). Half of the *lowest* of these rates is then asked of every server, at random moments that do not depend on
its answers. Latency counts from the moment at which a request was to be sent, so that waiting behind a stall counts.
`sent late` is how late the load generator itself was, 99.9 % of the time; a latency that is not well above it is the
generator's."""
COLUMNS = (Column("p50_us", "p50, µs", "{:,.0f}"), Column("p99_us", "p99, µs", "{:,.0f}"),
           Column("p99_9_us", "p99.9, µs", "{:,.0f}"), Column("sent_late_us", "sent late, µs", "{:,.0f}"),
           Column("rate", "requests/s", "{:,.0f}"), Column("saturated_per_s", "saturated at", "{:,.0f}"),
           Column("busy", "busy", "{:.2f}"))
RATIO = ("p99_9_us", "valkey")

LATE = """The load generator was more than {:,.0f} µs late at times, because it did not have its core to itself: the
high percentiles say little. Run this part again on a quiet machine."""
# The generator is to be late by no more than this at the 99.9th percentile.
SENT_LATE_US_MAX = 1000

SATURATION_SECONDS = 3
SECONDS = 10
PIPELINES = (1, 16)


def run(bench):
    keys = bench.benchmark_keys
    bench.log(f"filling {keys:,} keys")
    servers = [filled(bench.servers.start(kind, bench.cores.server), keys, 64) for kind in bench.kinds]
    for pipeline in PIPELINES[:1] if bench.quick else PIPELINES:
        for command in ("get", "set"):
            measure(bench, servers, command, pipeline, keys)
    bench.servers.stop(*servers)
    latest = max(record["sent_late_us"] for record in bench.records if record["part"] == NAME)
    if latest > SENT_LATE_US_MAX:
        bench.notes[NAME].append(LATE.format(SENT_LATE_US_MAX))


def measure(bench, servers, command, pipeline, keys):
    test = f"{command.upper()} P={pipeline}"
    bench.log(f"{test}: saturating")
    saturated = {server: statistics.median(
        pace(bench, server, command, pipeline, None, bench.seconds(SATURATION_SECONDS), keys)["requests_per_s"]
        for _ in range(bench.reps)) for server in servers}
    rate = min(saturated.values()) / 2
    reports = {server: [] for server in servers}
    for rep in range(bench.reps):
        bench.log(f"{test}: {rate:,.0f} requests/s, run {rep + 1} of {bench.reps}")
        for server in servers:
            reports[server].append(pace(bench, server, command, pipeline, rate, bench.seconds(SECONDS), keys))
    for server in servers:
        def median(group, name):
            return statistics.median(report[group][name] for report in reports[server])

        bench.record(NAME, test, server.name, command=command, pipeline=pipeline, rate=round(rate),
                     saturated_per_s=saturated[server], p50_us=median("latency_us", "p50"),
                     p99_us=median("latency_us", "p99"), p99_9_us=median("latency_us", "p99.9"),
                     sent_late_us=median("send_lag_us", "p99.9"),
                     busy=statistics.median(report["busy"] for report in reports[server]), runs=reports[server])
