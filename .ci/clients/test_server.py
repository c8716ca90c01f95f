"""The program as a server: users of both kinds of authentication, rights, start and stop."""
import os
import re
import shlex
import signal
import subprocess

import pymysql
import pytest

import clients
from clients import CLIENTS, ConnectError
from conftest import Process, Server, certificate, free_port

KINDS = {"sha2": "caching_sha2_password", "native": "mysql_native_password"}


@pytest.fixture(scope="module")
def gateway(argo, tmp_path_factory):
    """argo serve with a user of its own for every client, kind and encryption, so that none finds its password in the
    server's cache: over plain text caching_sha2_password then has to go through the RSA exchange."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "a.csv").write_text("day,n\n2026-11-01,1\n2026-11-02,2\n")
    (folder / "b.csv").write_text("n\n5\n")
    users = "".join(f"  - {{name: {k}_{c.replace('-', '_')}_{t}, password: 'env:ARGO_CI_PASSWORD', auth: {auth}}}\n"
                    for k, auth in KINDS.items() for c in CLIENTS for t in ("off", "on", "verify"))
    port = free_port()
    (folder / "argo.yaml").write_text(f"""\
listen: 127.0.0.1:{port}
data_dir: data
users:
{users}  - {{name: reader, password: env:ARGO_CI_PASSWORD, databases: [open]}}
connections:
  - {{name: open, source: lake, options: {{datasets: [{{name: a, path: a.csv}}]}}}}
  - {{name: closed, source: lake, options: {{datasets: [{{name: b, path: b.csv}}]}}}}
""")
    env = {"ARGO_CI_PASSWORD": "pa'ss \"w\\rd %@:/?#&"}
    p = Process([argo, "serve", "--config", folder / "argo.yaml"], port, folder / "output.txt", env=env)
    try:
        yield Server(clients.Login(port=port, ca=certificate(folder), password=env["ARGO_CI_PASSWORD"]), p.accepted, folder)
    finally:
        p.stop()
        print(f"\n--- output of argo serve ---\n{p.text()}")


@pytest.mark.parametrize("tls", ["off", "on", "verify"])
@pytest.mark.parametrize("kind", KINDS)
def test_authentication(client, gateway, kind, tls):
    user = f"{kind}_{client.name.replace('-', '_')}_{tls}"
    login = gateway.login.but(user=user, tls=tls)
    for _ in range(2):  # the second time from the server's cache
        r, total = client(login, "SELECT CURRENT_USER()", "SELECT SUM(n) AS n FROM `open`.a")
        assert r.rows[0][0].startswith(user + "@")
        assert total.rows == [["3"]]
    with pytest.raises(ConnectError) as e:
        client(login.but(password="pass"), "SELECT 1")
    assert "Access denied" in e.value.failure.message


def test_rights(client, gateway):
    """A user sees the databases that he may read, and no others."""
    shown, tables, closed, listed, own = client(
        gateway.login.but(user="reader"), "SHOW DATABASES", "SELECT table_schema AS s FROM information_schema.tables GROUP BY 1",
        "SELECT * FROM closed.b", "SELECT COUNT(*) AS n FROM argo.tables WHERE table_name = 'b'", "SELECT COUNT(*) FROM `open`.a")
    assert "closed" not in {r[0] for r in shown.rows} and "open" in {r[0] for r in shown.rows}
    assert "closed" not in {r[0] for r in tables.rows}
    assert closed.error and closed.error.code in (1044, 1142, 1146, 1049, 0), closed
    assert own.rows == [["2"]]
    assert listed.error or listed.rows == [["0"]]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_stops_cleanly(argo, tmp_path, how):
    """Ctrl-C or SIGTERM ends a demo that has an open connection and a running statement, quickly and without a trace."""
    port = free_port()
    p = Process([argo, "demo", "--listen", f"127.0.0.1:{port}"], port, tmp_path / "output.txt", env={"TMPDIR": str(tmp_path)})
    conn = pymysql.connect(host="127.0.0.1", port=port, user="demo", password="demo")
    try:
        with conn.cursor() as c:
            c.execute("SELECT COUNT(*) FROM lake.facebook_campaigns")
            assert c.fetchall() == ((1143,),)
        status, seconds = p.stop(how)
    finally:
        p.stop()
    assert status == 0, p.text()
    assert seconds < 10
    assert [f.name for f in tmp_path.iterdir()] == ["output.txt"], "the demo without --dir left something behind"


def test_keeps_its_state(argo, tmp_path):
    """With --dir, a campaign that was paused is still paused after a restart, and the run is still known."""
    def start():
        port = free_port()
        p = Process([argo, "demo", "--listen", f"127.0.0.1:{port}", "--dir", tmp_path / "state"], port, tmp_path / "output.txt")
        return p, clients.Login(port=port)
    p, login = start()
    try:
        campaign, = clients.py_mysql(login, [{"sql": "SELECT id FROM google_ads.campaigns WHERE status = 'ENABLED' ORDER BY id LIMIT 1"}])[0].rows[0]
        clients.py_mysql(login, [{"sql": f"CALL google_ads.pause_campaign({campaign})"}])[0].rows
    finally:
        p.stop()
    p, login = start()
    try:
        status, runs = clients.py_mysql(login, [{"sql": f"SELECT status FROM google_ads.campaigns WHERE id = {campaign}"},
                                                {"sql": "SELECT action, state FROM argo.runs"}])
        assert status.rows == [["PAUSED"]]
        assert ["pause_campaign", "verified"] in runs.rows
    finally:
        p.stop()


@pytest.fixture(scope="module")
def greeting(demo):
    """What argo demo prints."""
    return demo.output.read_text()


def test_greeting_connects(demo, greeting):
    """The lines to paste: for the command line, for JDBC, for Tableau, for argo itself."""
    assert "Tableau" in greeting
    line = re.search(r"^.*?((?:mariadb|mysql) -h.*)$", greeting, re.M).group(1)
    run = subprocess.run(shlex.split(line.replace("mysql ", "mariadb ")), input="SELECT DATABASE();", capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and "google_ads" in run.stdout, run.stderr
    url = re.search(r"jdbc:mysql:\S+", greeting).group()
    r, = clients.connector_j(demo.login, [{"sql": "SELECT DATABASE()"}], url=url)
    assert r.rows == [["google_ads"]]


def test_greeting_runs(demo, greeting):
    """Three queries worth running and the CALL to try, as they are printed. The second time a query needs no call."""
    text = re.sub(r"^\s*--.*\n", "", greeting, flags=re.M)
    statements = [" ".join(s.split()) for s in re.findall(r"^ +((?:SELECT|WITH|CALL)\b.*?);", text, re.M | re.S)]
    selects = [s for s in statements if not s.startswith("CALL")]
    assert len(selects) >= 3 and len(selects) < len(statements), statements
    results = clients.mariadb_cli(demo.login, [{"sql": s} for s in statements])
    assert not [str(r.error) for r in results if r.error]
    assert sum(bool(r.rows) for r in results) >= len(results) - 1  # on the first day of a month one has nothing to say
    campaign = re.search(r"pause_campaign\((\d+)\)", greeting).group(1)
    clients.py_mysql(demo.login, [{"sql": f"CALL google_ads.enable_campaign({campaign})"}])[0].rows
    for s in selects[:3]:
        twice = clients.py_mysql(demo.login, [{"sql": s}, {"sql": s}, {"sql": "SELECT calls FROM argo.queries ORDER BY id DESC LIMIT 1"}])
        assert twice[0].rows == twice[1].rows and twice[2].rows == [["0"]], s


def test_pasted_queries(demo, argo):
    """argo query runs against the demo in each of its formats."""
    env = os.environ | {"ARGO_SERVER": f"127.0.0.1:{demo.login.port}"}
    for fmt, want in (("table", "38165"), ("csv", "clicks\n38165\n"), ("json", '"clicks"')):
        run = subprocess.run([argo, "query", "--output", fmt, "SELECT SUM(Clicks) AS clicks FROM lake.facebook_campaigns"],
                             capture_output=True, text=True, env=env, timeout=60, stdin=subprocess.DEVNULL)
        assert run.returncode == 0, run.stderr
        assert want in run.stdout
    run = subprocess.run([argo, "query", "SELECT nonsense"], capture_output=True, text=True, env=env, timeout=60)
    assert run.returncode == 1 and "nonsense" in run.stderr
