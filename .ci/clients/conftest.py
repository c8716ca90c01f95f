"""What the suites share: the servers under test, started once a session from bin/argo, and where they are."""
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import clients  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True


def pytest_addoption(parser):
    parser.addoption("--argo", default=str(ROOT / "bin/argo"), help="the program under test")
    parser.addoption("--server", help="HOST:PORT of a demo that runs already, instead of starting one")
    parser.addoption("--ca", default="", help="with --server: the PEM file that its clients verify against")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@dataclasses.dataclass
class Server:
    login: clients.Login
    accepted: float = 0  # seconds from the start of the process to the server's first byte
    folder: pathlib.Path | None = None
    output: pathlib.Path | None = None


def greeted(port):
    """The server has sent its handshake."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            return len(s.recv(4)) > 0
    except OSError:
        return False


class Process:
    """A server process; its output goes to a file that is shown when something fails."""

    def __init__(self, argv, port, output, wait=60, env=None):
        self.output = output
        with open(output, "wb") as out:
            start = time.monotonic()
            self.popen = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, env=os.environ | (env or {}))
        while not greeted(port):
            if self.popen.poll() is not None or time.monotonic() - start > wait:
                self.stop()
                raise AssertionError(f"{argv[0]} {argv[1]} does not accept connections:\n{self.text()}")
            time.sleep(0.02)
        self.accepted = time.monotonic() - start

    def text(self):
        return self.output.read_text(errors="replace")[-4000:]

    def stop(self, how=signal.SIGTERM):
        """Ends the process; the exit status, and how long it took."""
        start = time.monotonic()
        if self.popen.poll() is None:
            self.popen.send_signal(how)
            try:
                self.popen.wait(20)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        return self.popen.returncode, time.monotonic() - start


def certificate(folder):
    """The generated certificate of a data folder."""
    for f in sorted(pathlib.Path(folder).rglob("*")):
        if f.is_file() and f.parent.name == "tls" and b"BEGIN CERTIFICATE" in f.read_bytes():
            return str(f)
    raise AssertionError(f"no certificate in a folder tls below {folder}")


@pytest.fixture(scope="session")
def argo(request):
    path = request.config.getoption("--argo")
    assert os.access(path, os.X_OK), f"{path} is not there: make build"
    return path


@pytest.fixture(scope="session")
def demo(request, tmp_path_factory):
    """argo demo with a fixed seed, or the server that --server names."""
    running = request.config.getoption("--server")
    if running:
        host, port = running.rsplit(":", 1)
        yield Server(clients.Login(host, int(port), ca=request.config.getoption("--ca")))
        return
    argo = request.getfixturevalue("argo")
    folder = tmp_path_factory.mktemp("demo")
    port = free_port()
    p = Process([argo, "demo", "--listen", f"127.0.0.1:{port}", "--dir", folder / "state", "--seed", "7"], port,
                folder / "output.txt")
    try:
        yield Server(clients.Login(port=port, ca=certificate(folder)), p.accepted, folder, p.output)
    finally:
        p.stop()
        print(f"\n--- output of argo demo ---\n{p.text()}")


@pytest.fixture(scope="session")
def ask(demo):
    """Runs one statement with PyMySQL and gives its rows; what it says is what the others are compared with."""
    def run(sql, *params):
        return clients.py_mysql(demo.login, [{"sql": sql, "params": list(params)}])[0]
    return run


@pytest.fixture(params=list(clients.CLIENTS))
def client(request):
    """Every client in turn: a function (login, statements) → results, with its name."""
    f = clients.CLIENTS[request.param]

    def run(login, *statements):
        return f(login, [{"sql": s} if isinstance(s, str) else s for s in statements])
    run.name = request.param
    return run


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory):
    """A certificate authority that signed nothing here."""
    import datetime
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another authority")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()))
    path = tmp_path_factory.mktemp("ca") / "other.pem"
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return str(path)
