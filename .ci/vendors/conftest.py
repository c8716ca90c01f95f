"""Vendors' own client libraries against Argo's simulators: the fixture `simulator` plays one vendor."""
import dataclasses
import json
import os
import pathlib
import signal
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--argo", default=str(ROOT / "bin/argo"), help="the program under test")


@pytest.fixture(scope="session")
def argo(request):
    path = request.config.getoption("--argo")
    assert os.access(path, os.X_OK), f"{path} is not there: make build"
    return path


def played(argo):
    """The sources that `argo simulate` knows."""
    text = subprocess.run([argo, "simulate", "--help"], capture_output=True, text=True, check=True).stdout
    line = text[text.index("can be played:"):].split(":", 1)[1].split(".\n", 1)[0]
    return line.replace("\n", " ").replace(" ", "").split(",")


@dataclasses.dataclass
class Simulator:
    """One vendor, played: where it is, the options of a connection to it, and its secrets by name."""
    source: str
    url: str
    options: dict
    secrets: dict
    process: subprocess.Popen

    def environment(self):
        """What the references of the options (env:…) stand for."""
        return {f"ARGO_{self.source.upper()}_{name.upper()}": value for name, value in self.secrets.items()}

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@pytest.fixture(scope="module")
def simulator(argo):
    """simulator(source, *flags) starts one; all end with the module."""
    started = []

    def start(source, *flags):
        p = subprocess.Popen([argo, "simulate", source, "--json", *flags], stdout=subprocess.PIPE, text=True)
        said = json.loads(p.stdout.readline())
        s = Simulator(said["source"], said["url"], said["options"], said["secrets"], p)
        started.append(s)
        return s

    yield start
    for s in started:
        s.stop()


@pytest.fixture
def configured(argo, tmp_path):
    """configured(simulator, command, …) runs the program with a configuration of that one connection."""
    def run(sim, *command, environment=None, timeout=60):
        path = tmp_path / "argo.json"
        path.write_text(json.dumps({  # JSON is YAML
            "data_dir": str(tmp_path / "data"), "users": [{"name": "ci", "password": "env:ARGO_CI_PASSWORD"}],
            "connections": [{"name": sim.source, "source": sim.source, "options": sim.options}]}))
        return subprocess.run([argo, *command, "--config", path], capture_output=True, text=True, timeout=timeout,
                              env=os.environ | {"ARGO_CI_PASSWORD": "not a secret"} | (sim.environment() if environment is None else environment))
    return run
