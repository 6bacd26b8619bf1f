"""Requests: to fill a server, as many as it takes (redis-benchmark), or at a pace of their own (paced_load)."""
import csv
import json
import socket

from .processes import Failed

# Requests in one write while filling.
FILL_BATCH = 1000
REPLY_TIMEOUT_S = 60
# The keys that redis-benchmark and paced_load ask for.
BENCHMARK_KEYS = b"key:%012d"


class Client:
    """A plain connection that sends bytes and counts lines of replies."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=REPLY_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self._socket.close()

    def ask(self, requests, reply):
        """Sends requests that must be answered by exactly `reply`."""
        self._socket.sendall(requests)
        received = 0
        while received < len(reply):
            data = self._socket.recv(1 << 20)
            if not data or data != reply[received:received + len(data)]:
                raise Failed(f"an unexpected reply: {data[:200]!r}")
            received += len(data)

    def command(self, *words):
        """The reply to one command, as it came; for replies of one piece."""
        self._socket.sendall(encode(*words))
        return self._socket.recv(1 << 20)

    def info(self, field):
        """One field of INFO as text, or None."""
        self._socket.sendall(b"INFO\r\n")
        data = self._socket.recv(1 << 16)
        header = data.split(b"\r\n", 1)[0]
        if not header.startswith(b"$"):
            raise Failed(f"an unexpected reply to INFO: {data[:200]!r}")
        while len(data) < len(header) + 2 + int(header[1:]) + 2:
            data += self._socket.recv(1 << 16)
        for line in data.decode(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return value
        return None


def encode(*words):
    """A request as bytes."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def fill(port, keys, value_bytes, key=BENCHMARK_KEYS, ttl_s=None):
    """Sets keys 0 to `keys` - 1 to values of so many bytes; `key` is a pattern for the number."""
    options = [b"EX", b"%d" % ttl_s] if ttl_s else []
    # The request is the same for every key but for the key itself, so it becomes a pattern too.
    length = len(key % 0)
    head = b"*%d\r\n$3\r\nSET\r\n$%d\r\n" % (3 + len(options), length)
    tail = b"\r\n$%d\r\n%s\r\n" % (value_bytes, b"v" * value_bytes)
    tail += b"".join(b"$%d\r\n%s\r\n" % (len(option), option) for option in options)
    # Large values in small batches: the socket buffers should hold them.
    batch = max(1, min(FILL_BATCH, (1 << 20) // value_bytes))
    client = Client(port)
    try:
        for first in range(0, keys, batch):
            numbers = range(first, min(first + batch, keys))
            client.ask(b"".join([head + key % number + tail for number in numbers]), b"+OK\r\n" * len(numbers))
    finally:
        client.close()


class Sample:
    """One run of a load generator against one server."""

    def __init__(self, requests, requests_per_s, cpu_seconds):
        self.cpu_us = cpu_seconds / requests * 1e6
        self.requests_per_s = requests_per_s
        # Share of one core that the server used while the load lasted.
        self.busy = cpu_seconds / (requests / requests_per_s)


def saturate(bench, server, command, pipeline, requests, keys, value_bytes=64, connections=50, cores=None, threads=1):
    """Runs redis-benchmark, whose requests follow each other as fast as the replies come."""
    argv = [bench.programs.redis_benchmark(), "-p", server.port, "-t", command, "-n", requests, "-P", pipeline,
            "-c", connections, "-r", keys, "-d", value_bytes, "--csv"]
    if threads > 1:
        argv += ["--threads", threads]
    before = server.cpu_seconds()
    output = bench.processes.run(argv, cores or bench.cores.load)
    cpu = server.cpu_seconds() - before
    return Sample(requests, requests_per_s(output), cpu)


def requests_per_s(output):
    """The throughput that redis-benchmark --csv reports."""
    rows = [row for row in csv.reader(output.splitlines()) if len(row) > 1]
    try:
        return float(rows[-1][1])
    except (IndexError, ValueError):
        raise Failed(f"redis-benchmark reported no throughput: {output[:200]!r}") from None


def pace(bench, server, command, pipeline, rate, seconds, keys, value_bytes=64, connections=50):
    """Runs paced_load at `rate` requests/s (None: as many as the server answers); its report, and the server's CPU."""
    argv = [bench.programs.paced_load(), "--port", server.port, "--command", command, "--pipeline", pipeline,
            "--connections", connections, "--keys", keys, "--value-bytes", value_bytes, "--seconds", seconds,
            "--rate", "max" if rate is None else f"{rate:.0f}"]
    before = server.cpu_seconds()
    report = json.loads(bench.processes.run(argv, bench.cores.load))
    # The warm-up of one second is served as well.
    report["busy"] = (server.cpu_seconds() - before) / (seconds + 1)
    return report
