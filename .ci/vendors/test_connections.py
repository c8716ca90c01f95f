"""Every source that can be played: what `argo simulate` prints is a connection that works, and with credentials that
do not, `argo check` tells the cause and the cure, and no secret."""
import pathlib
import subprocess

import pytest

from conftest import ROOT, played

SOURCES = played(ROOT / "bin/argo")


@pytest.mark.parametrize("source", SOURCES)
def test_check(simulator, configured, source):
    done = configured(simulator(source), "check")
    assert done.returncode == 0, done.stdout + done.stderr


def secrets_of(argo, source):
    import json
    p = subprocess.Popen([argo, "simulate", source, "--json"], stdout=subprocess.PIPE, text=True)
    try:
        return sorted(json.loads(p.stdout.readline())["secrets"])
    finally:
        p.terminate()
        p.wait(30)


WRONG = [(s, name) for s in SOURCES for name in secrets_of(ROOT / "bin/argo", s)]


@pytest.mark.parametrize("source,secret", WRONG)
def test_wrong_credentials(simulator, configured, source, secret):
    sim = simulator(source)
    wrong = sim.environment()
    name = f"ARGO_{source.upper()}_{secret.upper()}"
    old = wrong[name]
    # Another key of the same kind, or the same text with other characters.
    wrong[name] = other_key() if "PRIVATE KEY" in old else "0" + old[1:-3] + "QzX"
    done = configured(sim, "check", environment=wrong)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert source in said
    for value in (*sim.secrets.values(), wrong[name]):
        assert value.strip() not in said, "a secret was printed"
    # One line says what happened, the next one what to do.
    assert len(said.strip().splitlines()) >= 2, said


def other_key():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
