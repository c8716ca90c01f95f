"""The MySQL clients that people have, each as one function: run statements over one connection, give back what the
server answered, every value as text. Statements, results and errors look the same for all of them, so that a test is
written once and answers can be compared between clients.

A statement is {"sql": …} and, where the client can: "params" (a list; {"decimal": "1.20"}, {"date": "2026-11-01"}),
"prepare" (server-side although there are no parameters), "cancel_ms", "timeout" (seconds), "metadata"/"args".
"""
import dataclasses
import datetime
import decimal
import json
import os
import pathlib
import re
import ssl
import subprocess
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree

import pymysql
import pymysql.constants.FIELD_TYPE as FIELD_TYPE

HERE = pathlib.Path(__file__).resolve().parent
WORK = pathlib.Path(os.environ.get("ARGO_CI_WORK", HERE.parent / "work"))
LIMIT = 120  # seconds that one client program may take


@dataclasses.dataclass
class Login:
    """Who connects to where. tls is off, on (encrypted, certificate not looked at) or verify (against ca)."""
    host: str = "127.0.0.1"
    port: int = 3306
    user: str = "demo"
    password: str = "demo"
    database: str = ""
    tls: str = "off"
    ca: str = ""

    def but(self, **changes):
        return dataclasses.replace(self, **changes)


@dataclasses.dataclass
class Failure:
    code: int
    state: str
    message: str
    kind: str = ""  # class of the exception where it matters (Java)

    def __str__(self):
        return f"{self.code} ({self.state}) {self.message}"


@dataclasses.dataclass
class Result:
    """What one statement gave: result sets, or an error (after the sets that came before it)."""
    sets: list
    error: Failure | None
    seconds: float = 0

    @property
    def columns(self):
        return self._first()["columns"]

    @property
    def types(self):
        return self._first().get("types")

    @property
    def rows(self):
        return self._first()["rows"]

    def _first(self):
        if self.error:
            raise AssertionError(f"the statement failed: {self.error}")
        assert self.sets, "the statement gave no result set"
        return self.sets[0]


class ConnectError(Exception):
    def __init__(self, failure):
        super().__init__(str(failure))
        self.failure = failure


def results(document, statements):
    """The results of a client program's JSON."""
    if document["error"]:
        raise ConnectError(failure(document["error"]))
    out = [Result(r["sets"], failure(r["error"]), r.get("seconds", 0)) for r in document["results"]]
    assert len(out) == len(statements)
    return out


def failure(f):
    return f and Failure(f["code"], f["state"] or "", f["message"], f.get("class", ""))


def program(argv, login, statements, **extra):
    """Runs a client program that takes a job file and prints JSON."""
    with tempfile.TemporaryDirectory() as tmp:
        job = pathlib.Path(tmp, "job.json")
        job.write_text(json.dumps(dataclasses.asdict(login) | {"statements": statements} | extra))
        run = subprocess.run([*map(str, argv), str(job)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=LIMIT, env=os.environ | extra.get("environment", {}))
    assert run.returncode == 0, f"{argv[0]} ended with {run.returncode}: {run.stderr[-2000:]}"
    return results(json.loads(run.stdout), statements)


# --- one function for each client ---


def go_sql_driver(login, statements):
    """go-sql-driver/mysql, interpolateParams off. A cancelled context closes the connection."""
    return program([WORK / "goclient"], login, statements)


def connector_j(login, statements, url=None, **properties):
    """MySQL Connector/J with server-side prepared statements; or as the URL says, and nothing else."""
    path = os.pathsep.join([str(WORK / "java"), str(WORK / "java/lib/*")])
    return program(["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", path, "Client"], login, statements,
                   properties=properties, **({"url": url} if url else {}))


def mysql2(login, statements):
    """npm mysql2; what has parameters goes through execute()."""
    return program(["node", HERE / "node/client.js"], login, statements,
                   environment={"NODE_PATH": str(WORK / "node/node_modules")})


def pyodbc(login, statements):
    """MariaDB Connector/ODBC through pyodbc."""
    return program([os.sys.executable, HERE / "odbc.py"], login, statements, odbc_driver=odbc_driver())


def py_mysql(login, statements):
    """PyMySQL in this process; parameters are put into the text by the client, as it always does."""
    context = None
    if login.tls != "off":
        context = ssl.create_default_context(cafile=login.ca if login.tls == "verify" else None)
        if login.tls == "on":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def connect():
        return pymysql.connect(host=login.host, port=login.port, user=login.user, password=login.password,
                               database=login.database or None, ssl=context, ssl_disabled=context is None,
                               autocommit=True, connect_timeout=10, read_timeout=LIMIT)
    try:
        conn = connect()
    except (pymysql.MySQLError, OSError) as e:
        raise ConnectError(mysql_failure(e)) from e
    assert login.tls == "off" or isinstance(conn._sock, ssl.SSLSocket)
    out = []
    with conn:
        for s in statements:
            out.append(py_mysql_one(conn, connect, s))
    return out


def py_mysql_one(conn, connect, s):
    def kill():
        with connect() as other, other.cursor() as c:
            c.execute(f"KILL QUERY {conn.thread_id()}")
    timer = threading.Timer(s["cancel_ms"] / 1000, kill) if s.get("cancel_ms") else None
    out, start = Result([], None), time.monotonic()
    try:
        if timer:
            timer.start()
        with conn.cursor() as cur:
            args = [list(p.values())[0] if isinstance(p, dict) else p for p in s.get("params", [])]
            cur.execute(s["sql"].replace("%", "%%").replace("?", "%s") if args else s["sql"], args or None)
            while True:
                if cur.description:
                    out.sets.append({"columns": [d[0] for d in cur.description],
                                     "types": [type_name(d[1]) for d in cur.description],
                                     "rows": [[text(v) for v in row] for row in cur.fetchall()]})
                if not cur.nextset():
                    break
    except pymysql.MySQLError as e:
        out.error = mysql_failure(e)
    finally:
        if timer:
            timer.cancel()
    out.seconds = time.monotonic() - start
    return out


def type_name(code):
    return next((n for n, v in vars(FIELD_TYPE).items() if v == code and n.isupper()), str(code))


def mysql_failure(e):
    code = e.args[0] if e.args and isinstance(e.args[0], int) else 0
    return Failure(code, STATES.get(code, ""), str(e.args[1]) if len(e.args) > 1 else str(e))


# PyMySQL drops the SQLSTATE; these are filled in from the error number so that tests can compare.
STATES = {1044: "42000", 1045: "28000", 1049: "42000", 1054: "42S22", 1064: "42000", 1146: "42S02", 1305: "42000", 1317: "70100", 1318: "42000"}


def text(v):
    if v is None:
        return None
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, bytes):
        return v.decode("utf8")
    if isinstance(v, datetime.timedelta):
        seconds = int(v.total_seconds())
        return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    return str(v)


def mariadb_cli(login, statements):
    """The mariadb command line client in batch mode, one session. Parameters go through PREPARE and EXECUTE … USING."""
    argv = ["mariadb", "--no-defaults", "--default-character-set=utf8mb4", "--xml", "--force", f"--host={login.host}",
            f"--port={login.port}", f"--user={login.user}", f"--password={login.password}"]
    argv += {"off": ["--skip-ssl"], "on": ["--ssl"],
             "verify": ["--ssl", f"--ssl-ca={login.ca}", "--ssl-verify-server-cert"]}[login.tls]
    if login.database:
        argv.append(login.database)
    lines, texts, owner = [], [], {}

    def line(sql, number):
        lines.append(sql)
        owner[len(lines)] = number
    for i, s in enumerate(statements):
        assert "\n" not in s["sql"] and ";" not in s["sql"]
        if s.get("params") or s.get("prepare"):
            names = [f"@p{n}" for n in range(len(s.get("params", [])))]
            for name, p in zip(names, s.get("params", [])):
                line(f"SET {name} = {literal(p)}", i)
            line(f"PREPARE s{i} FROM {literal(s['sql'])}", i)
            execute = f"EXECUTE s{i}" + (" USING " + ", ".join(names) if names else "")
            line(execute, i)
            line(f"DEALLOCATE PREPARE s{i}", i)
            texts.append(execute)
        else:
            line(s["sql"], i)
            texts.append(s["sql"])
    assert all(a != b for a, b in zip(texts, texts[1:])), "equal statements behind each other cannot be told apart"
    start = time.monotonic()
    run = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    cancel = next((s["cancel_ms"] for s in statements if s.get("cancel_ms")), None)
    timer = threading.Timer(cancel / 1000, run.send_signal, [2]) if cancel else None  # Ctrl-C sends KILL QUERY
    try:
        if timer:
            timer.start()
        stdout, stderr = run.communicate(";\n".join(lines) + ";\n", timeout=LIMIT)
    except subprocess.TimeoutExpired:
        run.kill()
        run.communicate()
        raise
    finally:
        if timer:
            timer.cancel()
    out = [Result([], None, time.monotonic() - start) for _ in statements]
    for code, state, at, message in re.findall(r"^ERROR (\d+) \((\w+)\)(?: at line (\d+))?: (.*)", stderr, re.M):
        f = Failure(int(code), state, message)
        if not at:
            raise ConnectError(f)
        r = out[owner[int(at)]]
        r.error = r.error or f
    if not lines and run.returncode:
        raise AssertionError(stderr)
    number = 0
    for doc in re.findall(r"<resultset.*?</resultset>", stdout, re.S):
        root = ElementTree.fromstring(doc)
        sent = root.get("statement", "").strip()
        while texts[number] != sent:  # statements come in order; one without a result set leaves no trace
            number += 1
        nil = "{http://www.w3.org/2001/XMLSchema-instance}nil"
        rows = [[None if f.get(nil) == "true" else f.text or "" for f in row] for row in root]
        out[number].sets.append({"columns": [f.get("name") for f in root[0]] if len(root) else [], "rows": rows})
    return out


def literal(p):
    if p is None:
        return "NULL"
    if isinstance(p, dict) and "decimal" in p:
        return p["decimal"]
    if isinstance(p, int):
        return str(p)
    p = p["date"] if isinstance(p, dict) else p
    return "'" + p.replace("\\", "\\\\").replace("'", "''") + "'"


def isql(login, statements, options=()):
    """unixODBC's isql over MariaDB Connector/ODBC. It prepares every statement at the server (SQLPrepare,
    SQLExecute), or sends it directly with options=["-e"]. It has no parameters, cuts values at 300 bytes and prints
    NULL as an empty field."""
    with tempfile.TemporaryDirectory() as tmp:
        dsn = {"Driver": "argo-driver", "SERVER": login.host, "PORT": login.port, "CHARSET": "utf8mb4",
               "DATABASE": login.database}
        if login.tls == "on":
            dsn |= {"FORCETLS": 1, "SSLVERIFY": 0}
        if login.tls == "verify":
            dsn |= {"FORCETLS": 1, "SSLVERIFY": 1, "SSLCA": login.ca}
        odbc_ini(tmp, dsn)
        marks = [f"argo mark {i}" for i in range(len(statements))]
        lines = []
        for s, mark in zip(statements, marks):
            assert "\n" not in s["sql"] and not s.get("params")
            lines += [s["sql"], f"SELECT '{mark}' AS mark"]
        start = time.monotonic()
        run = subprocess.run(["isql", "argo", login.user, login.password, "-b", "-v", "-c", "-x0x1f", *options],
                             input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=LIMIT,
                             env=os.environ | {"ODBCSYSINI": tmp, "ODBCINI": f"{tmp}/odbc.ini"})
        seconds = time.monotonic() - start
    if run.returncode:
        raise ConnectError(odbc_failure(run.stdout + run.stderr))
    out, block, at = [], [], 0
    for row in run.stdout.splitlines():
        if at < len(marks) and row == marks[at]:
            assert block.pop() == "mark"
            out.append(isql_result(block, seconds))
            block, at = [], at + 1
        else:
            block.append(row)
    assert at == len(marks), f"isql stopped after {at} of {len(marks)} statements: {run.stdout[-500:]} {run.stderr[-500:]}"
    return out


def isql_result(block, seconds):
    if block and re.match(r"\[\w{5}\]\[", block[0]):
        return Result([], odbc_failure("\n".join(block)), seconds)
    block = [b for b in block if b]
    if not block:
        return Result([], None, seconds)
    fields = [[v or None for v in row.split("\x1f")] for row in block]
    return Result([{"columns": fields[0], "rows": fields[1:]}], None, seconds)


def odbc_failure(text):
    states = re.findall(r"\[(\w{5})\](?:\[[^\]]*\])+(.*)", text)
    state, message = states[0] if states else ("", text.strip())
    return Failure(0, state, message)  # isql prints no error number


def odbc_ini(folder, dsn):
    pathlib.Path(folder, "odbcinst.ini").write_text(f"[argo-driver]\nDriver={odbc_driver()}\n")
    pathlib.Path(folder, "odbc.ini").write_text("[argo]\n" + "".join(f"{k}={v}\n" for k, v in dsn.items() if v != ""))


def odbc_driver():
    """Where the package odbc-mariadb put its driver."""
    found = [*pathlib.Path("/usr/lib").glob("*/odbc/libmaodbc.so"), *pathlib.Path("/usr/lib").glob("odbc/libmaodbc.so")]
    assert found, "libmaodbc.so is not there: apt-get install odbc-mariadb"
    return str(found[0])


CLIENTS = {
    "mariadb": mariadb_cli,
    "pymysql": py_mysql,
    "connector-j": connector_j,
    "isql": isql,
    "pyodbc": pyodbc,
    "mysql2": mysql2,
    "go": go_sql_driver,
}
