"""What a key and an idle connection take."""
import time

from ..load import Client, encode, fill
from ..machine import Unsuitable, allow_open_files
from ..report import Column

NAME = "memory"
TITLE = "Memory"
TEXT = """`resident` is the growth of the process's resident memory, per key or per connection, once it has stopped to
change. `accounted` is the growth of `used_memory` in INFO: what the server believes. Keys have 16 bytes; `16 + 64` has
values of 64 bytes. Connections have been idle for ten seconds, after one PING or after a few requests with 16 KiB of
replies. What the kernel keeps for a socket is not in it."""
COLUMNS = (Column("resident_bytes", "resident, B", "{:,.1f}"), Column("accounted_bytes", "accounted, B", "{:,.1f}"),
           Column("total_mb", "total, MB", "{:,.1f}"))
RATIO = ("resident_bytes", "valkey")

SHAPES = ((16, None), (64, None), (16, 86_400))
CONNECTIONS = 10_000
# Beside the connections: what servers and this program have open anyway.
OTHER_FILES = 500
# A figure counts once it has not changed by more than this for so long (connections: as long as TEXT says).
STILL_BYTES = 256 << 10
KEYS_STILL_S = 3.0
CONNECTIONS_STILL_S = 10.0
STILL_TIMEOUT_S = 60.0


def run(bench):
    for value_bytes, ttl_s in SHAPES:
        test = f"16 + {value_bytes}" + (" with a TTL" if ttl_s else "")
        for kind in bench.kinds:
            bench.log(f"{test}: {kind}, {bench.memory_keys:,} keys")
            measure(bench, test, kind, bench.memory_keys, fill, bench.memory_keys, value_bytes, b"%016d", ttl_s)
    try:
        allow_open_files(CONNECTIONS + OTHER_FILES)
    except Unsuitable as why:
        bench.notes[NAME].append(f"Idle connections were not measured: {CONNECTIONS:,} connections: {why}.")
        bench.log(bench.notes[NAME][-1])
        return
    value = b"v" * 960
    pipeline = encode(b"SET", b"idle", value) + encode(b"GET", b"idle") * 16
    replies = b"+OK\r\n" + b"$960\r\n%s\r\n" % value * 16
    pieces = (("one PING", encode(b"PING"), b"+PONG\r\n"), ("16 KiB of replies", pipeline, replies))
    for what, requests, reply in pieces:
        for kind in bench.kinds:
            test = f"{CONNECTIONS:,} connections, {what}"
            bench.log(f"{test}: {kind}")
            measure(bench, test, kind, CONNECTIONS, connect, requests, reply)


def connect(port, requests, reply):
    """Connections that have worked once and now do nothing."""
    clients = []
    for _ in range(CONNECTIONS):
        client = Client(port)
        client.ask(requests, reply)
        clients.append(client)
    return clients


def measure(bench, test, kind, count, work, *args):
    """Starts a server, calls `work` with its port, and records by how much it grew for each of `count` things."""
    server = bench.servers.start(kind, bench.cores.all)
    before, accounted_before = still(server, KEYS_STILL_S), accounted(server)
    held = work(server.port, *args)
    grown = still(server, CONNECTIONS_STILL_S if held else KEYS_STILL_S) - before
    # INFO needs a connection of its own, which the limit of connections may not leave.
    for client in held or ():
        client.close()
    accounted_grown = None if held else accounted(server) - accounted_before
    bench.servers.stop(server)
    bench.record(NAME, test, server.name, resident_bytes=grown / count, total_mb=grown / 1e6,
                 accounted_bytes=None if accounted_grown is None else accounted_grown / count, count=count)


def accounted(server):
    client = Client(server.port)
    try:
        return int(client.info("used_memory") or 0)
    finally:
        client.close()


def still(server, seconds):
    """Resident bytes once they have not changed for so long: freed memory goes back to the system a while later."""
    deadline = time.monotonic() + STILL_TIMEOUT_S
    reference, since = server.resident_bytes(), time.monotonic()
    while time.monotonic() < min(since + seconds, deadline):
        time.sleep(0.1)
        now = server.resident_bytes()
        if abs(now - reference) > STILL_BYTES:
            reference, since = now, time.monotonic()
    return server.resident_bytes()
