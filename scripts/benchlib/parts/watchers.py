"""How soon a thousand watchers hear of a change."""
import json
import time

from ..machine import allow_open_files
from ..processes import Failed, cpu_seconds
from ..report import Column
from ..servers import settle

NAME = "watchers"
TITLE = "Delay of topology watchers"
TEXT = """A cluster of a NameNode and two DataNodes, each a process; watchers subscribe to the topology, each over a connection
of its own. Then a node joins and leaves again. Delay counts from the moment at which a change is on the NameNode's
disk to the moment at which a watcher has read it. `last watcher` is how long the slowest of them had to wait, for the
median change; `worst` is the slowest watcher of the slowest change. All watchers live in one process, whose own
slowness counts; the last two columns are the processor time of the NameNode and of that process per change. A watcher that is far behind is told the whole topology instead of each change: `documents`."""
COLUMNS = (Column("watchers", "watchers", "{:,.0f}"), Column("changes", "changes", "{:,.0f}"),
           Column("p50_ms", "p50, ms", "{:.2f}"), Column("p99_ms", "p99, ms", "{:.1f}"),
           Column("last_p50_ms", "last watcher, ms", "{:.1f}"), Column("max_ms", "worst, ms", "{:.1f}"),
           Column("documents", "documents", "{:,.0f}"), Column("seconds", "change, s", "{:.2f}"),
           Column("namenode_cpu_ms", "NameNode CPU, ms", "{:.2f}"), Column("watchers_cpu_ms", "watchers CPU, ms", "{:.2f}"))
RATIO = ("max_ms", "")

SLOW = """Some watcher heard of a change later than {} ms after its commit."""
# What is promised to a thousand watchers.
DELAY_MS_MAX = 100

WATCHERS = (1, 1000)
NODES = 2
# A join or a drain of empty nodes and its last message are over by then.
LISTEN_S = 12
READY_S = 60
# Connections on both sides of each watcher, and what a process needs besides.
OPEN_FILES = 2 * max(WATCHERS) + 200


def run(bench):
    allow_open_files(OPEN_FILES)
    for count in WATCHERS:
        cluster = bench.servers.annulet_cluster(NODES, bench.cores.all)
        for test, change in (("a node joins", join), ("a node drains", drain)):
            bench.log(f"{test}, {count} watchers")
            bench.record(NAME, test, "annulet", **measure(bench, cluster, count, change))
        bench.servers.stop(cluster)
    slowest = max(record["max_ms"] for record in bench.records if record["part"] == NAME)
    if slowest > DELAY_MS_MAX:
        bench.notes[NAME].append(SLOW.format(DELAY_MS_MAX))


def measure(bench, cluster, count, change):
    """Lets so many watchers listen while the cluster changes."""
    argv = [bench.programs.watchers(), "--namenode", cluster.namenode, "--watchers", count, "--seconds", LISTEN_S]
    watchers = bench.processes.start(argv, bench.cores.load)
    wait_until_ready(watchers)
    namenode = cluster.processes[0]
    began, cpu_before = time.monotonic(), [cpu_seconds(process) for process in (namenode, watchers)]
    change(bench, cluster)
    seconds = time.monotonic() - began
    # Both have done their part when the cluster has been settled for a moment.
    time.sleep(1)
    cpu = [cpu_seconds(process) - before for process, before in zip((namenode, watchers), cpu_before)]
    watchers.wait(READY_S)
    heard = json.loads(watchers.said.read_text().splitlines()[-1])
    bench.processes.stop(watchers)
    if heard["never"] or not heard["changes"]:
        raise Failed(f"not every watcher heard of every change: {heard}")
    return {"watchers": count, "changes": heard["changes"], "documents": heard["documents"], "seconds": seconds,
            "namenode_cpu_ms": cpu[0] * 1000 / heard["changes"], "watchers_cpu_ms": cpu[1] * 1000 / heard["changes"],
            **{f"{name}_ms": heard[f"{name}_us"] / 1000 for name in ("p50", "p99", "last_p50", "max")}}


def wait_until_ready(watchers):
    deadline = time.monotonic() + READY_S
    while "ready" not in watchers.said.read_text():
        if watchers.poll() is not None or time.monotonic() > deadline:
            raise Failed(f"the watchers did not start:\n{watchers.said.read_text()}")
        time.sleep(0.05)


def join(bench, cluster):
    cluster.newcomer = bench.servers.annulet_node(cluster, bench.cores.all)
    settle(bench, cluster)


def drain(bench, cluster):
    bench.processes.run([bench.programs.annulet(), "drain", f"127.0.0.1:{cluster.newcomer}", "--namenode",
                         cluster.namenode], bench.cores.all)
    settle(bench, cluster)
