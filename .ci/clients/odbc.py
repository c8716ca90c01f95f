"""Runs one job of .ci/clients with pyodbc over MariaDB Connector/ODBC: reads the job's JSON from the file named by
its argument and prints what the server answered, every value as text.

pyodbc shows what isql cannot: parameters, SQLCancel, SQL_ATTR_QUERY_TIMEOUT and the catalog functions."""
import datetime
import decimal
import json
import re
import sys
import threading
import time

import pyodbc

pyodbc.pooling = False


def connect(job):
    parts = {"DRIVER": job["odbc_driver"], "SERVER": job["host"], "PORT": job["port"], "UID": job["user"],
             "PWD": job["password"], "DATABASE": job.get("database") or "", "CHARSET": "utf8mb4"}
    if job["tls"] == "on":
        parts |= {"FORCETLS": 1, "SSLVERIFY": 0}
    if job["tls"] == "verify":
        parts |= {"FORCETLS": 1, "SSLVERIFY": 1, "SSLCA": job["ca"]}
    return pyodbc.connect(";".join(f"{k}={v}" for k, v in parts.items() if v != ""), autocommit=True)


def failure(e):
    state, message = (e.args + ("",))[0:2] if len(e.args) > 1 else ("", str(e))
    code = re.search(r"\((\d+)\) \(SQL", message)
    return {"code": int(code.group(1)) if code else 0, "state": state, "message": message}


def text(v):
    if v is None:
        return None
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, (bytes, bytearray)):
        return v.decode("utf8")
    if isinstance(v, bool):
        return str(int(v))
    return str(v)


def param(p):
    if isinstance(p, dict) and "decimal" in p:
        return decimal.Decimal(p["decimal"])
    if isinstance(p, dict):
        return datetime.date.fromisoformat(p["date"])
    return p


def read(cur):
    sets = []
    while True:
        if cur.description:
            sets.append({"columns": [d[0] for d in cur.description], "types": [d[1].__name__ for d in cur.description],
                         "rows": [[text(v) for v in row] for row in cur.fetchall()]})
        if not cur.nextset():
            return sets


def one(conn, s):
    out, start = {"sets": [], "error": None}, time.monotonic()
    cur = conn.cursor()
    timer = threading.Timer(s["cancel_ms"] / 1000, cur.cancel) if s.get("cancel_ms") else None
    conn.timeout = s.get("timeout", 0)
    try:
        if timer:
            timer.start()
        if "metadata" in s:
            getattr(cur, s["metadata"])(**s["args"])
        else:
            cur.execute(s["sql"], *[param(p) for p in s.get("params", [])])
        out["sets"] = read(cur)
    except pyodbc.Error as e:
        out["error"] = failure(e)
    finally:
        if timer:
            timer.cancel()
    out["seconds"] = time.monotonic() - start
    return out


def main():
    with open(sys.argv[1]) as f:
        job = json.load(f)
    out = {"error": None, "results": []}
    try:
        conn = connect(job)
    except pyodbc.Error as e:
        out["error"] = failure(e)
    else:
        out["results"] = [one(conn, s) for s in job["statements"]]
        conn.close()
    json.dump(out, sys.stdout)


main()
