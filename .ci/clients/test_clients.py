"""One scenario, every client: connect, look around, join, prepare, change a campaign, be wrong, give up."""
import decimal
import json
import re
import socket
import threading
import time

import pymysql
import pytest

from clients import CLIENTS, ConnectError

DATABASES = {"google_ads", "appsflyer", "lake", "argo"}
TLS = ["off", "on", "verify"]

# A statement that ends only when somebody ends it: 1,143 to the power of 5 rows.
ENDLESS = ("SELECT COUNT(*) FROM lake.facebook_campaigns a, lake.facebook_campaigns b, lake.facebook_campaigns c, "
           "lake.facebook_campaigns d, lake.facebook_campaigns e WHERE a.Clicks + b.Clicks + c.Clicks + d.Clicks + e.Clicks < 0")

with_cancel = pytest.mark.parametrize("client", ["mariadb", "pymysql", "connector-j", "pyodbc", "mysql2", "go"], indirect=True)


def same(client, got, want):
    """Equal rows; isql cannot tell NULL from an empty text, and the order is the statement's."""
    if client.name == "isql":
        want = [[v or None for v in row] for row in want]
    assert got == want


# --- connecting ---


@pytest.mark.parametrize("tls", TLS)
def test_connects(client, demo, tls):
    one, version, user, cipher = client(
        demo.login.but(tls=tls), "SELECT 1 AS one", "SELECT VERSION()", "SELECT CURRENT_USER()", "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    assert one.rows == [["1"]] and one.columns == ["one"]
    assert re.fullmatch(r"8\.0\.\d+(-.*)?", version.rows[0][0])
    assert user.rows[0][0].startswith("demo@")
    encrypted = bool(cipher.rows and cipher.rows[0][1])
    assert encrypted == (tls != "off")


@pytest.mark.parametrize("tls", ["off", "on"])
@pytest.mark.parametrize("user,password", [("demo", "wrong"), ("demo", ""), ("nobody", "demo")])
def test_wrong_password(client, demo, tls, user, password):
    with pytest.raises(ConnectError) as e:
        client(demo.login.but(tls=tls, user=user, password=password), "SELECT 1")
    f = e.value.failure
    assert f.state == "28000" and "Access denied" in f.message, f
    assert f.code == 1045 or client.name == "isql", f


def test_another_authority(client, demo, other_ca):
    with pytest.raises(ConnectError) as e:
        client(demo.login.but(tls="verify", ca=other_ca), "SELECT 1")
    assert "Access denied" not in e.value.failure.message


def test_accepts_within_three_seconds(demo):
    if demo.folder:
        print(f"accepted after {demo.accepted:.2f} s")
        assert demo.accepted < 3


# --- looking around ---


def test_databases(client, demo):
    names, chosen = client(demo.login.but(database="lake"), "SHOW DATABASES", "SELECT DATABASE()")
    assert DATABASES <= {r[0] for r in names.rows}
    assert chosen.rows == [["lake"]]


def test_tables(client, demo, ask):
    for db in sorted(DATABASES):
        shown, full, listed = client(demo.login, f"SHOW TABLES FROM {db}", f"SHOW FULL TABLES FROM {db}",
                                     f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{db}' ORDER BY 1")
        assert shown.rows == ask(f"SHOW TABLES FROM {db}").rows
        assert sorted(r[0] for r in shown.rows) == sorted(r[0] for r in listed.rows) == sorted(r[0] for r in full.rows)
        assert EXPECTED[db] <= {r[0] for r in shown.rows}


EXPECTED = {
    "google_ads": {"campaigns", "campaign_performance"},
    "appsflyer": {"partners_by_date", "partners_events_by_date", "geo_by_date"},
    "lake": {"facebook_campaigns", "media_plan", "orders"},
    "argo": {"sources", "connections", "tables", "columns", "segments", "queries", "runs"},
}


def test_describe(client, demo, ask):
    describe, use, desc, show = client(demo.login, "DESCRIBE google_ads.campaign_performance", "USE google_ads",
                                       "DESC campaign_performance", "SHOW COLUMNS FROM campaign_performance")
    want = ask("DESCRIBE google_ads.campaign_performance").rows
    for r in (describe, desc, show):
        same(client, r.rows, want)
    assert not use.error
    fields = {r[0]: r[1] for r in describe.rows}
    assert fields["date"] == "date"
    assert fields["impressions"].startswith("bigint")
    assert fields["cost"].startswith("decimal")
    assert fields["currency"].startswith("varchar")
    assert {"customer_id", "campaign_id", "clicks", "conversions", "conversions_value"} <= fields.keys()


# --- reading ---


def test_facebook_totals(client, demo):
    r, = client(demo.login, "SELECT COUNT(*), SUM(Impressions), SUM(Clicks), ROUND(SUM(Spent), 2), SUM(Total_Conversion), "
                "SUM(Approved_Conversion) FROM lake.facebook_campaigns")
    got = [decimal.Decimal(v) for v in r.rows[0]]
    assert got == [decimal.Decimal(v) for v in ("1143", "213434828", "38165", "58705.23", "3264", "1079")]


def test_single_rows_are_exact(client, demo, ask):
    """The same typed cells through text and binary protocol, in every client."""
    sql = ("SELECT date, customer_id, campaign_id, impressions, clicks, cost, conversions, currency "
           "FROM google_ads.campaign_performance ORDER BY date DESC, campaign_id, cost DESC, impressions DESC LIMIT 50")
    text, binary = client(demo.login, sql, {"sql": sql, "prepare": True})
    want = ask(sql)
    assert len(want.rows) == 50
    for r in (text, binary):
        same(client, exact(r, want), exact(want, want))


def exact(r, like):
    """Rows with floating point cells as numbers: clients print them in their own ways."""
    floats = [t in ("DOUBLE", "FLOAT") for t in like.types]
    return [[float(v) if f and v is not None else v for v, f in zip(row, floats)] for row in r.rows]


def test_errors(client, demo):
    """A person who is wrong is told how, and the connection goes on."""
    table, column, syntax, database, after = client(
        demo.login, "SELECT * FROM lake.no_such_table", "SELECT no_such_column FROM lake.media_plan", "SELEC 1",
        "SELECT * FROM no_such_database.t", "SELECT 1")
    for r, code, state, odbc2 in ((table, 1146, "42S02", "S0002"), (column, 1054, "42S22", "S0022"),
                                  (syntax, 1064, "42000", "37000"), (database, 1049, "42000", "37000")):
        assert r.error.code == code or client.name == "isql", r.error  # isql prints no number
        assert r.error.state in (state, odbc2 if client.name == "isql" else state), r.error
    assert "no_such_table" in table.error.message
    assert "no_such_column" in column.error.message
    assert after.rows == [["1"]]


def test_unicode(client, demo):
    r, = client(demo.login, "SELECT '가을 캠페인 🚀 ñ' AS `총 (비용) $:`")
    assert r.columns == ["총 (비용) $:"] and r.rows == [["가을 캠페인 🚀 ñ"]]


# --- giving up ---


def running(ask):
    return [r for r in ask("SHOW FULL PROCESSLIST").rows if "facebook_campaigns e" in (r[7] or "") and "PROCESSLIST" not in r[7]]


def ended(ask, within=10):
    deadline = time.monotonic() + within
    while running(ask):
        assert time.monotonic() < deadline, running(ask)
        time.sleep(0.1)
    return True


@with_cancel
def test_cancel(client, demo, ask):
    """The client's own way to cancel: Ctrl-C, KILL QUERY, Statement.cancel, SQLCancel, a cancelled context."""
    statements = [{"sql": ENDLESS, "cancel_ms": 1000}]
    if client.name != "go":  # Go's driver closes the connection
        statements.append({"sql": "SELECT 1"})
    r, *after = client(demo.login, *statements)
    assert r.error and r.seconds < 8, r
    assert client.name in ("go",) or r.error.code in (1317, 0), r.error
    assert ended(ask)
    for a in after:
        assert a.rows == [["1"]]


@pytest.mark.parametrize("client", ["connector-j", "go"], indirect=True)
def test_query_timeout(client, demo, ask):
    r, = client(demo.login, {"sql": ENDLESS, "timeout": 1})
    assert r.error and r.seconds < 8, r
    assert ended(ask)


def test_max_execution_time(client, demo, ask):
    _, r, _, after = client(demo.login, "SET SESSION max_execution_time = 500", ENDLESS,
                            "SET SESSION max_execution_time = 0", "SELECT 1")
    assert r.error and r.error.code in (3024, 0) and "maximum statement execution time" in r.error.message, r
    assert after.rows == [["1"]]
    assert ended(ask)


def test_disconnect_ends_the_statement(demo, ask):
    conn = pymysql.connect(host=demo.login.host, port=demo.login.port, user="demo", password="demo", ssl_disabled=True)
    failed = []

    def endless():
        try:
            with conn.cursor() as c:
                c.execute(ENDLESS)
        except Exception as e:
            failed.append(e)
    t = threading.Thread(target=endless)
    t.start()
    deadline = time.monotonic() + 10
    while not running(ask):
        assert time.monotonic() < deadline and not failed, failed
        time.sleep(0.05)
    conn._sock.shutdown(socket.SHUT_RDWR)
    t.join(10)
    assert failed and ended(ask)


def test_kill_of_nobody(demo, ask):
    r = ask("KILL QUERY 4294967295")
    assert r.error and r.error.code == 1094, r


# --- joining and preparing ---


def test_join(client, demo, joined):
    """Lake, channel and tracker in one statement, compared with sums that Python made of the single tables."""
    sql, want = joined
    text, binary = client(demo.login, sql, {"sql": sql, "prepare": True})
    assert len(want) >= 5
    for r in (text, binary):
        assert [c.lower() for c in r.columns] == ["month", "campaign_name", "planned_budget", "cost", "clicks", "installs"]
        assert sorted([row[0], row[1], *map(number, row[2:])] for row in r.rows) == want
        assert [row[0] for row in r.rows] == sorted(row[0] for row in want)


def number(v):
    return None if v is None else decimal.Decimal(v)


@pytest.fixture(scope="module")
def joined(ask):
    sql = (
        "SELECT m.month, m.campaign_name, m.planned_budget, g.cost, g.clicks, a.installs FROM "
        "(SELECT DATE_FORMAT(month, '%Y-%m') AS month, campaign_id, campaign_name, SUM(planned_budget) AS planned_budget"
        " FROM lake.media_plan GROUP BY 1, 2, 3) m "
        "JOIN (SELECT DATE_FORMAT(date, '%Y-%m') AS month, campaign_id, SUM(cost) AS cost, SUM(clicks) AS clicks"
        " FROM google_ads.campaign_performance GROUP BY 1, 2) g ON g.month = m.month AND g.campaign_id = m.campaign_id "
        "LEFT JOIN (SELECT DATE_FORMAT(date, '%Y-%m') AS month, campaign, SUM(installs) AS installs"
        " FROM appsflyer.partners_by_date GROUP BY 1, 2) a ON a.month = m.month AND a.campaign = m.campaign_name "
        "ORDER BY m.month, m.campaign_name")

    def totals(table, keys, values):
        out = {}
        for row in ask(f"SELECT {', '.join(keys + values)} FROM {table}").rows:
            k = (row[0][:7], *row[1:len(keys)])
            add = [decimal.Decimal(v or 0) for v in row[len(keys):]]
            out[k] = [x + y for x, y in zip(out[k], add)] if k in out else add
        return out
    plan = totals("lake.media_plan", ["month", "campaign_id", "campaign_name"], ["planned_budget"])
    cost = totals("google_ads.campaign_performance", ["date", "campaign_id"], ["cost", "clicks"])
    installs = totals("appsflyer.partners_by_date", ["date", "campaign"], ["installs"])
    want = [[month, name, *budget, *cost[month, cid], *installs.get((month, name), [None])]
            for (month, cid, name), budget in plan.items() if (month, cid) in cost]
    assert any(r[-1] for r in want), "no campaign of the media plan has installs"
    return sql, sorted(want)


def test_prepared(client, demo, ask):
    """Parameters of every kind, at every place where reports have them, twice over one connection."""
    campaign, customer, name = ask("SELECT id, customer_id, name FROM google_ads.campaigns WHERE status = 'ENABLED' ORDER BY id LIMIT 1").rows[0]
    last, = ask("SELECT MAX(date) FROM google_ads.campaign_performance WHERE campaign_id = %s" % campaign).rows[0]
    sql = ("SELECT p.campaign_id, c.name, COUNT(*) AS days, SUM(p.cost) AS cost, SUM(p.impressions) AS impressions "
           "FROM google_ads.campaign_performance p JOIN google_ads.campaigns c ON c.id = p.campaign_id "
           "WHERE p.date BETWEEN DATE_SUB({day}, INTERVAL {days} DAY) AND {day} AND p.campaign_id = {campaign} "
           "AND c.name = {name} AND p.cost >= {cost} GROUP BY 1, 2")
    literal = sql.format(day=f"'{last}'", days=13, campaign=campaign, name="'" + name.replace("'", "''") + "'", cost="0.01")
    want = ask(literal)
    assert len(want.rows) == 1
    if client.name == "isql":  # no parameters: it prepares the literal statement; EXECUTE cannot be prepared, as in MySQL
        r, _, _, execute, after = client(demo.login, literal, "SET @id = 1", "PREPARE s FROM 'SELECT ?'", "EXECUTE s USING @id", "SELECT 1")
        assert r.rows == want.rows and after.rows == [["1"]]
        assert "not supported in the prepared statement protocol" in execute.error.message
        return
    sql = sql.format(day="?", days="?", campaign="?", name="?", cost="?")
    params = [{"date": last}, 13, {"date": last}, int(campaign), name, {"decimal": "0.01"}]
    r, none, again, null, text = client(
        demo.login, {"sql": sql, "params": params}, {"sql": sql, "params": [*params[:4], name + "x", params[5]]},
        {"sql": sql, "params": params},
        {"sql": "SELECT COUNT(*) AS n FROM google_ads.campaigns WHERE name = ?", "params": [None]},
        {"sql": "SELECT ? AS a, ? AS b, ? AS c", "params": ["가을 '🚀'", 9007199254740991, None]})
    assert r.rows == again.rows == want.rows
    assert none.rows == []
    assert null.rows == [["0"]]
    assert text.rows == [["가을 '🚀'", "9007199254740991", None]]


# --- changing a campaign ---


def test_call(client, demo, ask):
    """Plan, pause, read at once, enable; every client on a campaign of its own."""
    enabled = ask("SELECT id, customer_id FROM google_ads.campaigns WHERE status = 'ENABLED' ORDER BY id").rows
    campaign, customer = enabled[list(CLIENTS).index(client.name) % len(enabled)]
    status = f"SELECT status FROM google_ads.campaigns WHERE id = {campaign}"
    planned, before, paused, after, enabled, at_last = client(
        demo.login, f"CALL google_ads.pause_campaign({campaign}, '{json.dumps({'dry_run': True})}')", status,
        f"CALL google_ads.pause_campaign({campaign})", status,
        f"CALL google_ads.enable_campaign({campaign}, '{json.dumps({'reason': 'test of ' + client.name})}')", status)
    assert paused.columns == ["run_id", "state", "account", "entity", "field", "before", "after", "unit", "note"]

    def said(r):
        row = dict(zip(r.columns, r.rows[0]))
        assert len(r.rows) == 1 and row["account"] == customer and campaign in row["entity"] and row["field"] == "status"
        return row["state"], row["before"], row["after"]
    assert said(planned) == ("dry_run", "ENABLED", "PAUSED")
    assert before.rows == [["ENABLED"]]
    assert said(paused) == ("verified", "ENABLED", "PAUSED")
    assert after.rows == [["PAUSED"]]
    assert said(enabled) == ("verified", "PAUSED", "ENABLED")
    assert at_last.rows == [["ENABLED"]]
    for r, action in ((paused, "pause_campaign"), (enabled, "enable_campaign")):
        run = dict(zip(r.columns, r.rows[0]))["run_id"]
        found = ask(f"SELECT * FROM argo.runs WHERE run_id = '{run}'")
        assert len(found.rows) == 1, found
        row = dict(zip(found.columns, found.rows[0]))
        assert row["action"] == action and row["state"] == "verified" and row["database_name"] == "google_ads", row


def test_call_prepared(client, demo, ask):
    if client.name == "isql":
        return  # test_call has prepared it already
    campaign, = ask("SELECT id FROM google_ads.campaigns WHERE status = 'ENABLED' ORDER BY id DESC LIMIT 1").rows[0]
    r, = client(demo.login, {"sql": "CALL google_ads.set_budget(?, ?, ?)",
                             "params": [int(campaign), {"decimal": "12345.00"}, '{"dry_run": true}']})
    row = dict(zip(r.columns, r.rows[0]))
    assert row["state"] == "dry_run" and row["field"] == "amount" and decimal.Decimal(row["after"]) == 12345


def test_bad_call(client, demo):
    nobody, few, absent, words, document, after = client(
        demo.login, "CALL google_ads.pause_campaign(1)", "CALL google_ads.pause_campaign()",
        "CALL google_ads.no_such_action(1)", "CALL google_ads.pause_campaign('all of them')",
        "CALL google_ads.pause_campaign(1, '{\"dryrun\": true}')", "SELECT 1")
    assert "campaign" in nobody.error.message and "1" in nobody.error.message
    assert "CALL google_ads.pause_campaign(" in few.error.message
    assert absent.error.code in (1305, 0) and "no_such_action" in absent.error.message
    assert "all of them" in words.error.message
    assert "dryrun" in document.error.message
    assert after.rows == [["1"]]
