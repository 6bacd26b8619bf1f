"""The servers under measurement. Each is one or more processes behind one port."""
from . import load
from .processes import cpu_seconds, free_ports, resident_bytes

# A DataNode's other listeners lie at these distances from its client port; `dev` has the NameNode one below.
ANNULET_OFFSETS = (-1, 0, 100, 200, 300)


class Server:
    """What listens on `port`, with all the processes that it takes."""

    def __init__(self, name, port, processes):
        self.name = name
        self.port = port
        self.processes = processes

    def cpu_seconds(self):
        return sum(cpu_seconds(process) for process in self.processes)

    def resident_bytes(self):
        return sum(resident_bytes(process) for process in self.processes)


class Servers:
    """Starts servers of every kind."""

    # What a user may name by --servers.
    KINDS = ("annulet", "valkey", "redis8")

    def __init__(self, processes, programs):
        self._processes = processes
        self._programs = programs

    def start(self, kind, cores, threads=1):
        """One server that keeps nothing on disk and has all keys in memory."""
        start = {"annulet": self._annulet, "valkey": self._valkey, "redis8": self._redis8}[kind]
        return start(cores, threads)

    def stop(self, *servers):
        self._processes.stop(*[process for server in servers for process in server.processes])

    def _annulet(self, cores, threads):
        port = free_ports(ANNULET_OFFSETS)
        argv = [self._programs.annulet(), "--log-level", "warn", "dev", "--nodes", 1, "--port", port, "--threads", threads]
        return Server("annulet", port, [self._processes.start(argv, cores, port)])

    def _valkey(self, cores, threads):
        return self._redis_like("valkey", self._programs.valkey(), cores, threads)

    def _redis8(self, cores, threads):
        return self._redis_like("redis8", self._programs.redis(), cores, threads)

    def _redis_like(self, name, binary, cores, threads):
        port = free_ports((0,))
        argv = [binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxclients", 20000,
                "--io-threads", threads]
        return Server(name, port, [self._processes.start(argv, cores, port)])

    def valkey_cluster_node(self, cores):
        """A Valkey in cluster mode that owns nothing yet."""
        port = free_ports((0, 10_000))
        argv = [self._programs.valkey(), "--port", port, "--bind", "127.0.0.1", "--save", "", "--cluster-enabled", "yes"]
        return Server("valkey", port, [self._processes.start(argv, cores, port)])

    def annulet_cluster(self, nodes, cores):
        """A NameNode and DataNodes, each a process with one worker; clients talk to the first node."""
        annulet = self._programs.annulet()
        namenode = free_ports((0, 80))
        address = f"127.0.0.1:{namenode}"
        processes = [self._processes.start([annulet, "--log-level", "warn", "namenode", "--listen", address, "--data-dir",
                                            self._processes.folder()], cores, namenode)]
        cluster = Server(f"annulet, {nodes} nodes", None, processes)
        cluster.namenode = address
        ports = [self.annulet_node(cluster, cores) for _ in range(nodes)]
        cluster.port = ports[0]
        self._processes.run([annulet, "status", "--wait", "--namenode", address], cores)
        return cluster

    def annulet_node(self, cluster, cores):
        """Adds a DataNode to such a cluster and returns its port, which is open then."""
        port = free_ports(ANNULET_OFFSETS)
        argv = [self._programs.annulet(), "--log-level", "warn", "datanode", "--listen", f"127.0.0.1:{port}", "--namenode",
                cluster.namenode, "--threads", 1]
        cluster.processes.append(self._processes.start(argv, cores, port))
        return port

    def nutcracker(self, backends, cores):
        """A proxy with one thread in front of Valkeys."""
        valkeys = [self._valkey(cores, 1) for _ in range(backends)]
        port, stats = free_ports((0,)), free_ports((0,))
        folder = self._processes.folder()
        pool = ["cache:", f"  listen: 127.0.0.1:{port}", "  redis: true", "  hash: fnv1a_64", "  distribution: ketama",
                "  servers:", *(f"    - 127.0.0.1:{valkey.port}:1" for valkey in valkeys)]
        (folder / "pool.yml").write_text("\n".join(pool) + "\n")
        argv = [self._programs.nutcracker(), "-c", folder / "pool.yml", "-a", "127.0.0.1", "-s", stats]
        proxy = self._processes.start(argv, cores, port)
        return Server(f"nutcracker, {backends} valkeys", port, [proxy, *[valkey.processes[0] for valkey in valkeys]])


def settle(bench, cluster):
    """Waits until nothing moves any more."""
    bench.processes.run([bench.programs.annulet(), "status", "--wait", "--namenode", cluster.namenode], bench.cores.all)


def filled(server, keys, value_bytes):
    """The server, with all the keys that the load generators ask for."""
    load.fill(server.port, keys, value_bytes)
    return server
