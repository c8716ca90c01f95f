"""Real files through the wire: a Parquet file of three million flights, a CSV export of a real account, the same as
Parquet, the same in a real S3 server. What is expected is computed from the files by another reader (pyarrow)."""
import csv
import decimal
import gzip
import json
import os
import subprocess
import time

import boto3
import pyarrow
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import clients
from conftest import ROOT, Process, Server, certificate, free_port

FLIGHTS = clients.WORK / "node/node_modules/vega-datasets/data/flights-3m.parquet"
FACEBOOK = ROOT / "configs/samples/facebook_campaigns.csv"
TOTALS = ("SELECT COUNT(*), SUM(Impressions), SUM(Clicks), ROUND(SUM(Spent), 2), SUM(Total_Conversion), "
          "SUM(Approved_Conversion) FROM {}")
WANT = [decimal.Decimal(v) for v in ("1143", "213434828", "38165", "58705.23", "3264", "1079")]
KEYS = {"ARGO_CI_S3_KEY": "argo-ci", "ARGO_CI_S3_SECRET": "not a secret"}


class S3:
    """A running S3 server, with the requests that it has seen."""

    def __init__(self, port, log):
        self.endpoint, self.log = f"http://127.0.0.1:{port}", log
        self.client = boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1",
                                   aws_access_key_id=KEYS["ARGO_CI_S3_KEY"], aws_secret_access_key=KEYS["ARGO_CI_S3_SECRET"])

    def requests(self):
        return [line for line in self.log.read_text(errors="replace").splitlines() if "HTTP/1" in line]


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    log = folder / "log.txt"
    with open(log, "wb") as out:
        server = subprocess.Popen([clients.WORK / "venv/bin/moto_server", "-H", "127.0.0.1", "-p", str(port)], stdout=out,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        s = S3(port, log)
        deadline = time.monotonic() + 60
        while True:
            try:
                s.client.create_bucket(Bucket="lake")
                break
            except Exception:
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        yield s
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def parquet(demo, argo, tmp_path_factory):
    """The sample as Parquet, written by argo query."""
    path = tmp_path_factory.mktemp("parquet") / "facebook.parquet"
    run = subprocess.run([argo, "query", "--server", f"{demo.login.host}:{demo.login.port}", "--output", "parquet", "--file", path,
                          "SELECT * FROM lake.facebook_campaigns"], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stderr
    return path


@pytest.fixture(scope="module")
def lake(argo, s3, parquet, tmp_path_factory):
    """argo serve with the files on disk and in S3, Parquet beside CSV."""
    folder = tmp_path_factory.mktemp("lake")
    put = lambda key, body: s3.client.put_object(Bucket="lake", Key=key, Body=body)  # noqa: E731
    put("facebook/export.csv", FACEBOOK.read_bytes())
    put("facebook-gz/export.csv.gz", gzip.compress(FACEBOOK.read_bytes()))
    put("facebook-parquet/part-0.parquet", parquet.read_bytes())
    put("flights/flights-3m.parquet", FLIGHTS.read_bytes())
    for day in range(1, 6):
        put(f"events/day=2026-11-{day:02}/part-0.ndjson", "".join(json.dumps({"user": u, "n": day}) + "\n" for u in range(10)))
    for n in range(1100):  # a listing has a thousand keys a page
        put(f"many/{n:04}.csv", f"id,n\n{n},1\n")
    port = free_port()
    datasets = "".join(f"        - {{name: {name}, path: {path}}}\n" for name, path in {
        "flights": FLIGHTS, "facebook": FACEBOOK, "facebook_parquet": parquet, "s3_facebook": "s3://lake/facebook/export.csv",
        "s3_facebook_gz": "s3://lake/facebook-gz/*.csv.gz", "s3_facebook_parquet": "s3://lake/facebook-parquet/",
        "s3_flights": "s3://lake/flights/*.parquet", "s3_events": "s3://lake/events/", "s3_many": "s3://lake/many/",
        "s3_absent": "s3://lake/absent/"}.items())
    (folder / "argo.yaml").write_text(f"""\
listen: 127.0.0.1:{port}
data_dir: data
users: [{{name: demo, password: env:ARGO_CI_DEMO}}]
connections:
  - name: lake
    source: lake
    options:
      datasets:
{datasets}      s3: {{endpoint: {s3.endpoint}, region: us-east-1, path_style: true, access_key: env:ARGO_CI_S3_KEY, secret_key: env:ARGO_CI_S3_SECRET}}
""")
    p = Process([argo, "serve", "--config", folder / "argo.yaml"], port, folder / "output.txt", env=KEYS | {"ARGO_CI_DEMO": "demo"})
    try:
        yield Server(clients.Login(port=port, database="lake", ca=certificate(folder)), p.accepted, folder)
    finally:
        p.stop()
        print(f"\n--- output of argo serve ---\n{p.text()}")


@pytest.fixture(scope="module")
def query(lake):
    def run(sql):
        return clients.py_mysql(lake.login, [{"sql": sql}])[0].rows
    return run


@pytest.fixture(scope="module")
def flights():
    return pq.read_table(FLIGHTS)


# --- the real account ---


@pytest.mark.parametrize("table", ["facebook", "facebook_parquet", "s3_facebook", "s3_facebook_gz", "s3_facebook_parquet"])
def test_facebook(query, table):
    assert [decimal.Decimal(v) for v in query(TOTALS.format(table))[0]] == WANT


def test_parquet_is_the_csv(query, parquet):
    """Every cell of the Parquet file that argo wrote is what the CSV says, read by pyarrow and by argo."""
    with open(FACEBOOK, newline="") as f:
        want = [[r["ad_id"], r["age"], r["gender"], decimal.Decimal(r["Spent"]), int(r["Clicks"]), "-".join(reversed(r["Date"].split("-")))]
                for r in csv.DictReader(f)]
    t = pq.read_table(parquet).to_pylist()
    by_arrow = [[str(r["ad_id"]), r["age"], r["gender"], decimal.Decimal(str(r["Spent"])), r["Clicks"], str(r["Date"])[:10]] for r in t]
    columns = "SELECT ad_id, age, gender, Spent, Clicks, Date FROM "
    for table in ("facebook", "facebook_parquet"):
        got = [[r[0], r[1], r[2], decimal.Decimal(r[3]), int(r[4]), r[5]] for r in query(columns + table)]
        assert sorted(got) == sorted(want)
    assert sorted(by_arrow) == sorted(want)


# --- three million flights ---


def test_flights_total(query, flights):
    got = query("SELECT COUNT(*), SUM(delay), SUM(distance), MIN(delay), MAX(distance), COUNT(DISTINCT origin), COUNT(DISTINCT date), "
                "AVG(delay) FROM flights")[0]
    n, delay = len(flights), pc.sum(flights["delay"]).as_py()
    mean = (decimal.Decimal(delay) / n).quantize(decimal.Decimal("0.0001"), decimal.ROUND_HALF_UP)
    want = [n, delay, pc.sum(flights["distance"]).as_py(), pc.min(flights["delay"]).as_py(), pc.max(flights["distance"]).as_py(),
            pc.count_distinct(flights["origin"]).as_py(), pc.count_distinct(flights["date"]).as_py()]
    assert n == 3000000
    assert got == [*map(str, want), str(mean)]


def test_flights_by_origin(query, flights):
    got = query("SELECT origin, COUNT(*), SUM(delay), MAX(distance) FROM flights GROUP BY origin")
    t = flights.group_by("origin").aggregate([("delay", "count"), ("delay", "sum"), ("distance", "max")]).to_pylist()
    assert sorted(got) == sorted([r["origin"], str(r["delay_count"]), str(r["delay_sum"]), str(r["distance_max"])] for r in t)
    assert len(got) == 229


def test_flights_by_month(query, flights):
    got = query("SELECT DATE_FORMAT(date, '%Y-%m') AS month, destination, COUNT(*) AS n, SUM(distance) FROM flights WHERE delay > 15 "
                "GROUP BY 1, 2 HAVING n >= 100 ORDER BY n DESC, 1, 2")
    late = flights.filter(pc.greater(flights["delay"], 15))
    late = late.append_column("month", pc.strftime(late["date"], format="%Y-%m"))
    t = late.group_by(["month", "destination"]).aggregate([("distance", "count"), ("distance", "sum")]).to_pylist()
    want = [[r["month"], r["destination"], r["distance_count"], str(r["distance_sum"])] for r in t if r["distance_count"] >= 100]
    assert [[a, b, int(n), s] for a, b, n, s in got] == sorted(want, key=lambda r: (-r[2], r[0], r[1]))


def test_flights_between_two_moments(query, flights):
    got = query("SELECT COUNT(*), SUM(distance) FROM flights WHERE date >= '2001-03-01' AND date < '2001-03-01 12:00:00' AND origin IN ('ATL', 'ORD')")
    moment = lambda text: pyarrow.scalar(text).cast(pyarrow.timestamp("us"))  # noqa: E731
    day = flights.filter(pc.and_(pc.greater_equal(flights["date"], moment("2001-03-01T00:00:00")), pc.less(flights["date"], moment("2001-03-01T12:00:00"))))
    day = day.filter(pc.is_in(day["origin"], pyarrow.array(["ATL", "ORD"], type=day["origin"].type)))
    assert got == [[str(len(day)), str(pc.sum(day["distance"]).as_py())]] and len(day)


def test_every_flight_through_the_wire(lake, flights):
    """All rows, streamed by the command line client: nothing lost, nothing cut."""
    start = time.monotonic()
    run = subprocess.Popen(["mariadb", "--no-defaults", "--quick", "--batch", "--skip-column-names", "--skip-ssl", "--host=127.0.0.1",
                            f"--port={lake.login.port}", "--user=demo", "--password=demo", "lake", "-e",
                            "SELECT date, delay, distance, origin, destination FROM flights"], stdout=subprocess.PIPE, text=True)
    n = delay = distance = 0
    seen = {}
    for line in run.stdout:
        moment, late, far, origin, _ = line.split("\t")
        n, delay, distance = n + 1, delay + int(late), distance + int(far)
        seen[origin, moment[:7]] = seen.get((origin, moment[:7]), 0) + 1
    assert run.wait(60) == 0
    print(f"{n} rows in {time.monotonic() - start:.1f} s")
    t = flights.append_column("month", pc.strftime(flights["date"], format="%Y-%m"))
    t = t.group_by(["origin", "month"]).aggregate([("delay", "count")]).to_pylist()
    assert (n, delay, distance) == (3000000, pc.sum(flights["delay"]).as_py(), pc.sum(flights["distance"]).as_py())
    assert seen == {(r["origin"], r["month"]): r["delay_count"] for r in t}


# --- S3 ---


def test_flights_in_s3(query):
    """The same answer from S3 as from disk."""
    sql = "SELECT origin, COUNT(*), SUM(delay) FROM {} WHERE distance > 1000 GROUP BY origin ORDER BY origin"
    assert query(sql.format("s3_flights")) == query(sql.format("flights"))


def test_every_page_of_the_listing(query):
    assert query("SELECT COUNT(*), SUM(n), COUNT(DISTINCT id) FROM s3_many") == [["1100", "1100", "1100"]]


def test_partitions_prune(query, s3):
    """Folders day=… are a column; what it excludes is not read."""
    assert query("SELECT day, COUNT(*), SUM(n) FROM s3_events GROUP BY day ORDER BY day") == [
        [f"2026-11-{d:02}", "10", str(10 * d)] for d in range(1, 6)]
    s3.client.put_object(Bucket="lake", Key="events/day=2026-11-06/part-0.ndjson", Body=b'{"user": 1, "n": 6}\n')
    s3.client.put_object(Bucket="lake", Key="events/day=2026-11-07/part-0.ndjson", Body=b'{"user": 1, "n": 7}\n')
    assert query("SELECT SUM(n) FROM s3_events WHERE day > '2026-11-05'") == [["13"]]  # files that came later; each was read once for its types
    before = len(s3.requests())
    assert query("SELECT SUM(n) FROM s3_events WHERE day = '2026-11-06'") == [["6"]]
    assert not [r for r in s3.requests()[before:] if "GET /lake/events" in r and "2026-11-07" in r]


def test_a_broken_file_is_named(query, s3):
    s3.client.put_object(Bucket="lake", Key="facebook-parquet/part-1.parquet", Body=b"PAR1 this is no Parquet file")
    try:
        with pytest.raises(AssertionError, match="part-1.parquet"):
            query(TOTALS.format("s3_facebook_parquet"))
    finally:
        s3.client.delete_object(Bucket="lake", Key="facebook-parquet/part-1.parquet")
    assert [decimal.Decimal(v) for v in query(TOTALS.format("s3_facebook_parquet"))[0]] == WANT


def test_an_absent_bucket_is_named(argo, s3, tmp_path):
    (tmp_path / "argo.yaml").write_text(f"""\
users: [{{name: demo, password: env:ARGO_CI_DEMO}}]
connections:
  - name: lake
    source: lake
    options:
      datasets: [{{name: t, path: "s3://no-such-bucket/t/"}}]
      s3: {{endpoint: {s3.endpoint}, region: us-east-1, path_style: true, access_key: env:ARGO_CI_S3_KEY, secret_key: env:ARGO_CI_S3_SECRET}}
""")
    run = subprocess.run([argo, "check", "--config", tmp_path / "argo.yaml"], capture_output=True, text=True, timeout=120,
                         env=os.environ | KEYS | {"ARGO_CI_DEMO": "demo"}, stdin=subprocess.DEVNULL)
    assert run.returncode == 1
    assert "no-such-bucket" in run.stdout and KEYS["ARGO_CI_S3_SECRET"] not in run.stdout + run.stderr
