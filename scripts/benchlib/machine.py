"""What the benchmark runs on, and how its cores are shared out."""
import datetime
import os
import pathlib
import platform
import resource


class Unsuitable(Exception):
    """This machine cannot do what a part asks for; the text says why."""


def _first(path, key):
    """The value of the first `key: value` line of a file, or None."""
    for line in pathlib.Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def describe():
    """The facts that a figure is worth little without."""
    memory_kib = int(_first("/proc/meminfo", "MemTotal").split()[0])
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "virtual": "hypervisor" in (_first("/proc/cpuinfo", "flags") or "").split(),
        "memory_gib": round(memory_kib / 2**20, 1),
        "kernel": platform.release(),
        "load_average": round(os.getloadavg()[0], 2),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def core_list(text):
    """{0, 1, 4} of `0-1,4`."""
    cores = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cores.update(range(int(first), int(last or first) + 1))
    return cores


def _siblings(core):
    """The cores that are the same piece of silicon as this one, itself included."""
    path = pathlib.Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    return core_list(path.read_text()) if path.exists() else {core}


class Cores:
    """One core for what is measured, the others for what makes the load."""

    def __init__(self):
        self.all = sorted(os.sched_getaffinity(0))
        if len(self.all) < 2:
            raise Unsuitable("one core is not enough: the load generator needs one of its own")
        self.server = self.all[:1]
        others = self.all[1:]
        # A hyperthread of the server's core would take half of what is measured.
        self.load = [core for core in others if core not in _siblings(self.server[0])] or others

    def of_workers(self, workers):
        """(cores of a server with so many workers, cores of its load, whether they share)."""
        if len(self.all) > workers:
            return self.all[:workers], self.all[workers:], False
        return self.all[:workers], self.all, True


class Stolen:
    """The share of all cores' time that a virtual machine wanted and did not get, from now on."""

    def __init__(self):
        self._before = self._times()

    def percent(self):
        stolen, total = (after - before for after, before in zip(self._times(), self._before))
        return 100 * stolen / total if total else 0.0

    @staticmethod
    def _times():
        """(stolen, all) in ticks since the start of the machine; see proc_stat(5)."""
        ticks = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return ticks[7], sum(ticks)


def allow_open_files(wanted):
    """Raises the limit of open files for this process and those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise Unsuitable(f"needs {wanted} open files, and the hard limit is {hard}; as root: ulimit -n {wanted}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
