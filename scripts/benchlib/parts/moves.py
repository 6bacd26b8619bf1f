"""How fast half of the keys move to a second node, and what clients notice of it."""
import statistics
import threading
import time

from ..load import Client, encode, fill
from ..machine import Stolen
from ..processes import Failed
from ..report import Column
from ..servers import settle

NAME = "moves"
TITLE = "Half of the keys move to a second node"
TEXT = """One node holds keys of 16 bytes with values of 64 bytes, and a second one takes half of the slots: at annulet by
joining, which counts from its open port until the cluster is settled, at Valkey by one CLUSTER MIGRATESLOTS. All processes
share all cores. `freeze` is how long writes to a slot had to wait at its source while it changed hands. Beside a second
join, a client sends GETs and SETs one at a time; `probe` is the 99th percentile of those whose slots stay where they
are, in the two seconds before the join and while slots move, and its ratio says what those notice who have nothing to do
with the move. `resident` is the most that a process took beyond what it holds afterwards or held before. `stolen` is the
share of the cores' time that the host of a virtual machine gave to others meanwhile: times of milliseconds say nothing
about a server when it is not near 0."""
COLUMNS = (Column("keys_per_s", "keys/s", "{:,.0f}"), Column("seconds", "s", "{:.2f}"),
           Column("freeze_p50_ms", "freeze p50, ms", "{:.1f}"), Column("freeze_p99_ms", "p99", "{:.1f}"),
           Column("freeze_max_ms", "max", "{:.1f}"), Column("idle_p99_ms", "probe p99 idle, ms", "{:.2f}"),
           Column("moving_p99_ms", "moving", "{:.2f}"), Column("probe_ratio", "ratio", "{:.2f}"),
           Column("excess_mib", "resident beyond data, MiB", "{:,.0f}"), Column("stolen_percent", "stolen, %", "{:.0f}"))
RATIO = ("keys_per_s", "valkey")

KEYS = 2_000_000
KEY = b"%016d"
VALUE_BYTES = 64
IDLE_S = 2
# Keys that the probe asks for, over all slots.
PROBE_KEYS = 4096
POLL_S = 0.02
VALKEY_READY_S = 20
SLOTS = 16384


def run(bench):
    keys = bench.scaled(KEYS)
    moves = {kind: move for kind, move in (("annulet", annulet), ("valkey", valkey)) if kind in bench.kinds}
    runs = {kind: [] for kind in moves}
    try:
        # In turn, so that what disturbs the machine disturbs both.
        for rep in range(bench.reps):
            for kind, move in moves.items():
                bench.log(f"{kind}: {keys // 2:,} of {keys:,} keys move, run {rep + 1} of {bench.reps}")
                runs[kind].append(move(bench, keys))
    finally:
        # What was measured counts, whatever became of the rest.
        for kind in filter(runs.get, moves):
            bench.record(NAME, "idle", kind, runs=runs[kind], **medians(runs[kind]))
    if "annulet" in moves:
        bench.log("annulet: the same beside a client")
        probed = [annulet(bench, keys, probed=True) for _ in range(bench.reps)]
        bench.record(NAME, "probed", "annulet", runs=probed, **medians(probed))


def medians(runs):
    return {field: statistics.median(run[field] for run in runs) for field in runs[0]}


def annulet(bench, keys, probed=False):
    cluster = bench.servers.annulet_cluster(1, bench.cores.all)
    source = cluster.processes[-1]
    fill(cluster.port, keys, VALUE_BYTES, KEY)
    before = peak_bytes(source)
    probe = Probe(cluster.port) if probed else None
    if probe:
        time.sleep(IDLE_S)
    # Returns when the port is open.
    port = bench.servers.annulet_node(cluster, bench.cores.all)
    stolen, began = Stolen(), time.monotonic()
    settle(bench, cluster)
    seconds = time.monotonic() - began
    stolen_percent = stolen.percent()
    # The cluster port counts this node's keys only.
    moved = number(Client(port + 100).command(b"DBSIZE"))
    info = Client(cluster.port)
    freeze = {f"freeze_{name}_ms": int(info.info(f"annulet_freeze_usec_{name}")) / 1000 for name in ("p50", "p99", "max")}
    noticed = probe.stop(began, began + seconds) if probe else {}
    newcomer = cluster.processes[-1]
    excess = max(peak_bytes(source) - before, peak_bytes(newcomer) - resident_bytes(newcomer))
    bench.servers.stop(cluster)
    return {"keys_per_s": moved / seconds, "seconds": seconds, "stolen_percent": stolen_percent,
            "excess_mib": excess / 2**20, **freeze, **noticed}


def valkey(bench, keys):
    source, target = servers = [bench.servers.valkey_cluster_node(bench.cores.all) for _ in range(2)]
    here, there = (Client(server.port) for server in servers)
    here.command(b"CLUSTER", b"MEET", b"127.0.0.1", b"%d" % target.port)
    here.command(b"CLUSTER", b"ADDSLOTSRANGE", b"0", b"%d" % (SLOTS - 1))
    until(lambda: b"cluster_state:ok" in there.command(b"CLUSTER", b"INFO"), VALKEY_READY_S)
    fill(source.port, keys, VALUE_BYTES, KEY)
    name = there.command(b"CLUSTER", b"MYID").split(b"\r\n")[1]
    stolen, began = Stolen(), time.monotonic()
    here.command(b"CLUSTER", b"MIGRATESLOTS", b"SLOTSRANGE", b"0", b"%d" % (SLOTS // 2 - 1), b"NODE", name)

    def is_over():
        state = here.command(b"CLUSTER", b"GETSLOTMIGRATIONS")
        if b"failed" in state:
            raise Failed(f"Valkey gave the migration up: {state!r}")
        return b"success" in state

    until(is_over, 120)
    seconds = time.monotonic() - began
    stolen_percent = stolen.percent()
    moved = number(there.command(b"DBSIZE"))
    bench.servers.stop(*servers)
    return {"keys_per_s": moved / seconds, "seconds": seconds, "stolen_percent": stolen_percent}


def until(is_true, timeout_s):
    deadline = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline:
            raise Failed(f"Valkey was not ready within {timeout_s} s")
        time.sleep(POLL_S)


def number(reply):
    return int(reply[1:].split(b"\r\n")[0])


def status_bytes(process, field):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def peak_bytes(process):
    return status_bytes(process, "VmHWM")


def resident_bytes(process):
    return status_bytes(process, "VmRSS")


class Probe:
    """A client that asks for one key after the other and notes how long each answer takes."""

    def __init__(self, port):
        self._client = Client(port)
        self._port = port
        self._seen = []
        self._failed = None
        self._goes_on = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        requests = []
        for key in range(PROBE_KEYS):
            requests.append((key, encode(b"SET", b"probe:%d" % key, b"v"), b"+OK\r\n"))
            requests.append((key, encode(b"GET", b"probe:%d" % key), b"$1\r\nv\r\n"))
        try:
            while self._goes_on:
                for key, request, reply in requests:
                    began = time.monotonic()
                    self._client.ask(request, reply)
                    self._seen.append((key, began, time.monotonic() - began))
        except (Failed, OSError) as why:
            self._failed = why

    def stop(self, began, ended):
        """The figures of a move in that time. Those of moved slots are left out."""
        self._goes_on = False
        self._thread.join()
        if self._failed:
            raise Failed(f"the probe failed: {self._failed}")
        # A cluster port has what is its own, and says MOVED for the rest.
        local = Client(self._port + 100)
        stays = {key for key in range(PROBE_KEYS) if local.command(b"EXISTS", b"probe:%d" % key) == b":1\r\n"}
        idle = [took for key, at, took in self._seen if key in stays and at < began - 0.2]
        moving = [took for key, at, took in self._seen if key in stays and began <= at <= ended]
        p99 = [statistics.quantiles(times, n=100)[98] * 1000 for times in (idle, moving)]
        return {"idle_p99_ms": p99[0], "moving_p99_ms": p99[1], "probe_ratio": p99[1] / p99[0]}
