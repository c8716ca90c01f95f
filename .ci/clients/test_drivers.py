"""What one driver has and others have not: catalog functions, callable statements, streaming, result shapes."""
import subprocess

import pymysql
import pymysql.cursors
import pytest

import clients


def column(r, name):
    at = [c.upper() for c in r.columns].index(name)
    return [row[at] for row in r.rows]


def test_jdbc_metadata(demo):
    """DatabaseMetaData, as every JDBC tool reads it before it shows a tree of tables."""
    catalogs, tables, columns, keys, indexes, imported, procedures, parameters, kinds = clients.connector_j(demo.login, [
        {"metadata": "catalogs"},
        {"metadata": "tables", "args": ["google_ads", "%", "TABLE,VIEW"]},
        {"metadata": "columns", "args": ["google_ads", "campaign_performance", "%"]},
        {"metadata": "primary_keys", "args": ["google_ads", "campaigns"]},
        {"metadata": "index_info", "args": ["google_ads", "campaigns"]},
        {"metadata": "imported_keys", "args": ["google_ads", "campaigns"]},
        {"metadata": "procedures", "args": ["google_ads", "%"]},
        {"metadata": "procedure_columns", "args": ["google_ads", "set_budget", "%"]},
        {"metadata": "type_info"},
    ])
    assert {"google_ads", "appsflyer", "lake", "argo"} <= set(column(catalogs, "TABLE_CAT"))
    assert {"campaigns", "campaign_performance"} <= set(column(tables, "TABLE_NAME"))
    assert set(column(tables, "TABLE_TYPE")) <= {"TABLE", "VIEW"}
    named = dict(zip(column(columns, "COLUMN_NAME"), column(columns, "TYPE_NAME")))
    assert named["date"] == "DATE" and named["impressions"] == "BIGINT" and named["cost"] == "DECIMAL"
    assert any(column(columns, "REMARKS")), "no column has its doc as a comment"
    assert keys.error is None and indexes.error is None and imported.rows == []
    assert {"pause_campaign", "enable_campaign", "set_budget"} <= set(column(procedures, "PROCEDURE_NAME"))
    assert len(parameters.rows) >= 2
    assert "DECIMAL" in column(kinds, "TYPE_NAME")


def test_jdbc_callable_statement(demo, ask):
    campaign, = ask("SELECT id FROM google_ads.campaigns WHERE status = 'ENABLED' ORDER BY id LIMIT 1").rows[0]
    r, = clients.connector_j(demo.login, [{"sql": "{CALL google_ads.pause_campaign(?, ?)}", "callable": True,
                                           "params": [int(campaign), '{"dry_run": true}']}])
    assert dict(zip(r.columns, r.rows[0]))["state"] == "dry_run"


@pytest.mark.parametrize("properties", [
    {}, {"useServerPrepStmts": "false"}, {"useCursorFetch": "true", "defaultFetchSize": "100"},
    {"rewriteBatchedStatements": "true", "cachePrepStmts": "true", "useServerPrepStmts": "true"}, {"useInformationSchema": "true"},
    {"connectionCollation": "utf8mb4_0900_ai_ci", "sessionVariables": "sql_mode=ANSI_QUOTES"},
], ids=lambda p: ",".join(p) or "default")
def test_jdbc_properties(demo, properties):
    """The ways in which tools configure the driver: each reads every row."""
    rows, most, streamed = clients.connector_j(demo.login, [
        {"sql": "SELECT ad_id, Spent FROM lake.facebook_campaigns WHERE Impressions >= ?", "params": [0]},
        {"sql": "SELECT ad_id FROM lake.facebook_campaigns", "max_rows": 10},
        {"sql": "SELECT ad_id FROM lake.facebook_campaigns", "fetch_size": -2147483648},
    ], **properties)
    assert (len(rows.rows), len(most.rows), len(streamed.rows)) == (1143, 10, 1143)


def test_odbc_catalog(demo):
    """SQLTables, SQLColumns, SQLPrimaryKeys, SQLStatistics, SQLProcedures: what ODBC tools ask before they show a tree."""
    tables, columns, keys, statistics, procedures = clients.pyodbc(demo.login.but(database="google_ads"), [
        {"metadata": "tables", "args": {"catalog": "google_ads"}},
        {"metadata": "columns", "args": {"catalog": "google_ads", "table": "campaign_performance"}},
        {"metadata": "primaryKeys", "args": {"catalog": "google_ads", "table": "campaigns"}},
        {"metadata": "statistics", "args": {"catalog": "google_ads", "table": "campaigns"}},
        {"metadata": "procedures", "args": {"catalog": "google_ads"}},
    ])
    assert {"campaigns", "campaign_performance"} <= set(column(tables, "TABLE_NAME"))
    named = dict(zip(column(columns, "COLUMN_NAME"), column(columns, "TYPE_NAME")))
    assert named["date"].lower() == "date" and named["cost"].lower() == "decimal"
    assert {"customer_id", "id"} >= set(column(keys, "COLUMN_NAME")) and keys.rows
    assert statistics.error is None
    assert {"pause_campaign", "set_budget"} <= set(column(procedures, "PROCEDURE_NAME"))


@pytest.mark.parametrize("tls", ["off", "on"])
def test_isql_help(demo, tls):
    """isql's help lists the tables (SQLTables) and the columns of one (SQLColumns, a prepared statement with @dt := …)."""
    tables, columns = clients.isql(demo.login.but(database="google_ads", tls=tls), [{"sql": "help"}, {"sql": "help campaigns"}])
    assert "campaign_performance" in {c for row in [tables.columns, *tables.rows] for c in row}
    assert {"id", "name", "status"} <= {c for row in [columns.columns, *columns.rows] for c in row}


def test_odbc_direct(demo):
    """isql with SQLExecDirect: the text protocol instead of a prepared statement."""
    r, = clients.isql(demo.login, [{"sql": "SELECT SUM(Clicks) AS clicks FROM lake.facebook_campaigns"}], options=["-e"])
    assert r.columns == ["clicks"] and r.rows == [["38165"]]


def test_cli_conveniences(demo):
    """What people type at the prompt: status, source of a script, tables of a database, a vertical row."""
    base = ["mariadb", "--no-defaults", f"--host={demo.login.host}", f"--port={demo.login.port}", "--user=demo",
            "--password=demo", "--ssl"]

    def cli(text, *options):
        run = subprocess.run([*base, *options], input=text, capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, run.stderr
        return run.stdout
    status = cli("status\n", "-t")
    assert "Server version:" in status and "Cipher in use is" in status
    assert "Total_Conversion: 3264" in cli("SELECT SUM(Total_Conversion) AS Total_Conversion FROM lake.facebook_campaigns\\G")
    assert "campaign_performance" in cli("use google_ads\nshow tables;")
    assert cli("SELECT ad_id FROM lake.facebook_campaigns", "--quick", "--skip-column-names").count("\n") == 1143


def test_cli_completion(demo):
    """Without -A the client reads every table's columns for its completion: the prompt appears all the same."""
    run = subprocess.run(["mariadb", "--no-defaults", f"--host={demo.login.host}", f"--port={demo.login.port}", "--user=demo",
                          "--password=demo", "--auto-rehash", "--ssl", "google_ads", "-e", "SELECT 1"],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_pymysql_stream(demo):
    conn = pymysql.connect(host=demo.login.host, port=demo.login.port, user="demo", password="demo", database="lake",
                           cursorclass=pymysql.cursors.SSDictCursor)
    with conn, conn.cursor() as c:
        c.execute("SELECT ad_id, Clicks FROM facebook_campaigns")
        assert sum(int(row["Clicks"]) for row in c) == 38165
