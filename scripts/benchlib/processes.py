"""Programs that are started for a measurement, and are gone after it, whatever happens."""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 5
# What a program said before it failed, as far as it is shown.
SHOWN_BYTES_MAX = 2000


class Failed(Exception):
    """A program did not do what it was started for; the text says which and what it said."""


class Processes:
    """Starts programs in folders that vanish with them. Use it in `with`."""

    def __enter__(self):
        self._running = []
        self._scratch = pathlib.Path(tempfile.mkdtemp(prefix="annulet-bench-"))
        # `kill` and a closed terminal end in the same clean-up as Ctrl-C.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not leave servers behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.stop_all()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def folder(self):
        """An empty folder of its own."""
        return pathlib.Path(tempfile.mkdtemp(dir=self._scratch))

    def start(self, argv, cores, port=None):
        """Starts a program on these cores; with a port, waits until it accepts connections there."""
        folder = self.folder()
        with open(folder / "output", "wb") as output:
            process = subprocess.Popen([str(word) for word in argv], cwd=folder, stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                                       preexec_fn=lambda: os.sched_setaffinity(0, cores))
        process.said = folder / "output"
        self._running.append(process)
        if port is not None:
            _wait_for_port(process, port)
        return process

    def run(self, argv, cores, timeout_s=600):
        """Runs a program on these cores to its end; what it wrote to stdout."""
        process = subprocess.Popen([str(word) for word in argv], cwd=self._scratch, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                                   preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self._running.append(process)
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"{argv[0]} did not end within {timeout_s} s") from None
        finally:
            self.stop(process)
        if process.returncode != 0:
            raise Failed(f"{' '.join(map(str, argv))} failed ({process.returncode}): {errors[-SHOWN_BYTES_MAX:]}")
        return output

    def stop_all(self):
        self.stop(*self._running)

    def stop(self, *processes):
        """Asks all of them to end, and makes them."""
        for process in processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in processes:
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running = [process for process in self._running if process not in processes]


def _interrupt(*_):
    raise KeyboardInterrupt


def _wait_for_port(process, port):
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
            return
        except OSError:
            time.sleep(0.02)
    said = process.said.read_text(errors="replace")[-SHOWN_BYTES_MAX:]
    raise Failed(f"{process.args[0]} does not listen on port {port}:\n{said}")


def free_ports(offsets):
    """A port such that those at these offsets from it are free now. Below those that outgoing connections take."""
    while True:
        base = random.randrange(11_000, 30_000)
        try:
            for offset in offsets:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            continue


def cpu_seconds(process):
    """Processor time of all threads so far, user and kernel, to the nanosecond."""
    total = 0
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def resident_bytes(process):
    """Memory that the process has in use, as the kernel counts it."""
    pages = int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
