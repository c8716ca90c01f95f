"""What goes between Argo and its sources, seen from outside: argo serve reads the demo's simulators through a proxy
that writes everything down. So Google's published messages judge what the program really sends and really gets, and
«this needs no call» is counted where the call would have been."""
import http.client
import http.server
import json
import subprocess
import sys
import threading
import urllib.parse

import pytest
import yaml

import clients
from conftest import Process, Server, certificate, free_port


class Proxy(http.server.ThreadingHTTPServer):
    """Hands every request on to one address and keeps both sides of it."""

    def __init__(self, to):
        super().__init__(("127.0.0.1", 0), Handler)
        self.to, self.exchanges, self.lock = urllib.parse.urlsplit(to).netloc, [], threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding", "connection")}
        up = http.client.HTTPConnection(self.server.to, timeout=120)
        up.request(self.command, self.path, body or None, headers | {"Connection": "close", "Accept-Encoding": "identity"})
        answer = up.getresponse()
        content = answer.read()
        up.close()
        with self.server.lock:
            self.server.exchanges.append({
                "method": self.command, "path": self.path, "request": body.decode(), "status": answer.status, "response": content.decode()})
        self.send_response(answer.status)
        for k, v in answer.getheaders():
            if k.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                self.send_header(k, v)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = handle_one

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def proxied(argo, demo, tmp_path_factory):
    """A second gateway on the demo's world, behind proxies."""
    folder = tmp_path_factory.mktemp("channel")
    config = yaml.safe_load((demo.folder / "state/demo.yaml").read_text())
    port = free_port()
    config |= {"listen": f"127.0.0.1:{port}", "data_dir": str(folder / "data")}
    config["connections"] = [c for c in config["connections"] if c["name"] in ("google_ads", "appsflyer")]
    proxies = {}
    for c in config["connections"]:
        proxies[c["name"]] = Proxy(c["options"]["base_url"])
        c["options"]["base_url"] = proxies[c["name"]].url  # not token_url: secrets go there
    (folder / "argo.yaml").write_text(yaml.safe_dump(config))
    p = Process([argo, "serve", "--config", folder / "argo.yaml"], port, folder / "output.txt")
    server = Server(clients.Login(port=port, ca=certificate(folder)), p.accepted, folder)
    server.calls = lambda: sum(len(x.exchanges) for x in proxies.values())
    server.google = proxies["google_ads"]
    try:
        yield server
    finally:
        p.stop()
        for x in proxies.values():
            x.shutdown()
            x.server_close()
        print(f"\n--- output of argo serve ---\n{p.text()}")


@pytest.fixture(scope="module")
def query(proxied):
    def run(*statements):
        results = clients.py_mysql(proxied.login, [{"sql": s} for s in statements])
        return results[-1].rows
    return run


def test_looking_around_calls_nobody(proxied, query):
    """I9: what a client does before the first query, and what Tableau does to see columns, costs nothing."""
    before = proxied.calls()
    for t, in query("SHOW TABLES FROM google_ads"):
        query(f"DESCRIBE google_ads.`{t}`")
        query(f"SHOW CREATE TABLE google_ads.`{t}`")
        query(f"SELECT * FROM google_ads.`{t}` LIMIT 0")
        query(f"SELECT * FROM google_ads.`{t}` WHERE 1 = 0")
        query(f"EXPLAIN SELECT * FROM google_ads.`{t}`")
    query("SELECT COUNT(*) FROM information_schema.columns")
    query("SELECT COUNT(*) FROM argo.columns")
    clients.connector_j(proxied.login, [{"metadata": "tables", "args": ["google_ads", "%", "TABLE,VIEW"]},
                                        {"metadata": "columns", "args": ["google_ads", "%", "%"]}])
    clients.pyodbc(proxied.login, [{"metadata": "columns", "args": {"catalog": "appsflyer"}}])
    assert proxied.calls() == before


def test_second_answer_calls_nobody(proxied, query):
    sql = ("SELECT p.campaign_id, SUM(p.cost), MAX(t.installs) FROM google_ads.campaign_performance p "
           "JOIN google_ads.campaigns c ON c.id = p.campaign_id "
           "LEFT JOIN (SELECT campaign, SUM(installs) AS installs FROM appsflyer.partners_by_date GROUP BY 1) t ON t.campaign = c.name "
           "GROUP BY 1 ORDER BY 1")
    before = proxied.calls()
    first = query(sql)
    between = proxied.calls()
    assert first and between > before
    assert query(sql) == first
    assert query("SELECT SUM(cost) FROM google_ads.campaign_performance WHERE date >= CURDATE() - INTERVAL 20 DAY AND campaign_id > 0")
    assert proxied.calls() == between


def test_a_change_is_read_at_once(proxied, query):
    """After a CALL the account's entities are fetched again, and nothing else is."""
    campaign, = query("SELECT id FROM google_ads.campaigns WHERE status = 'ENABLED' ORDER BY id DESC LIMIT 1")[0]
    query(f"CALL google_ads.pause_campaign({campaign})")
    before = proxied.calls()
    assert query(f"SELECT status FROM google_ads.campaigns WHERE id = {campaign}") == [["PAUSED"]]
    assert proxied.calls() > before
    query(f"CALL google_ads.enable_campaign({campaign})")
    assert query(f"SELECT status FROM google_ads.campaigns WHERE id = {campaign}") == [["ENABLED"]]
    amount, budget = query(f"SELECT b.amount, b.id FROM google_ads.campaigns c JOIN google_ads.campaign_budgets b ON b.id = c.campaign_budget_id WHERE c.id = {campaign}")[0]
    query(f"CALL google_ads.set_budget({campaign}, {amount} + 1000)")
    query(f"CALL google_ads.set_budget({campaign}, {amount})")
    assert query(f"SELECT amount FROM google_ads.campaign_budgets WHERE id = {budget}") == [[amount]]


def test_google_messages(proxied, query, tmp_path):
    """Every column of every table for three days, and what the tests above changed: it decodes strictly, both ways."""
    for t, in query("SHOW TABLES FROM google_ads"):
        columns = [r[0] for r in query(f"DESCRIBE google_ads.`{t}`")]
        days = " WHERE date >= CURDATE() - INTERVAL 2 DAY" if "date" in columns else ""
        query(f"SELECT {', '.join(f'COUNT(`{c}`)' for c in columns)} FROM google_ads.`{t}`{days}")
    with proxied.google.lock:
        exchanges = list(proxied.google.exchanges)
    (tmp_path / "proxied.jsonl").write_text("".join(json.dumps(e) + "\n" for e in exchanges))
    run = subprocess.run([sys.executable, clients.HERE.parent / "google_ads_protos.py", tmp_path], capture_output=True, text=True, timeout=600)
    print(run.stdout)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    for method in ("campaigns:mutate: requests", "campaignBudgets:mutate: requests"):
        assert method in run.stdout or "googleAds:mutate: requests" in run.stdout, run.stdout
    assert "googleAds:search" in run.stdout
    froms = {w for e in exchanges if "googleAds:search" in e["path"] for w in [json.loads(e["request"])["query"].split(" FROM ")[1].split()[0]]}
    assert {"campaign", "campaign_budget", "ad_group", "ad_group_ad", "ad_group_criterion", "keyword_view", "search_term_view", "change_event"} <= froms
