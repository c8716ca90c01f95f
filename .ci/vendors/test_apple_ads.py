"""Apple's own client library (apple-ads-platform, generated from Apple's OpenAPI document) against the simulator:
accounts, lists, reports of every level, changes, bulk changes and refusals. What it reads is held against another
grain of the same, every answer against the library's models with nothing unknown in it, and so is every request and
answer of Argo's own connector, which a proxy between it and the simulator keeps."""
import collections
import datetime
import decimal
import http.server
import json
import re
import threading
import urllib.error
import urllib.request

import pydantic
import pytest
import apple_ads_platform.models as models
from apple_ads_platform.auth.errors import TokenFetchError
from apple_ads_platform.builder import AppleAdsClientBuilder
from apple_ads_platform.exceptions import ApiException

LEVELS = {"campaigns": "campaign", "adgroups": "ad_group", "keywords": "keyword", "searchterms": "search_term", "ads": "ad"}
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def client(sim, **other):
    o = sim.options | other
    return AppleAdsClientBuilder.from_private_key(o["client_id"], o["team_id"], o["key_id"], sim.secrets["private_key"]) \
        .base_url(sim.url + "/v1").auth_base_url(sim.url).api_timeout(30).auth_timeout(30).build()


@pytest.fixture(scope="module")
def apple(simulator):
    return simulator("apple_ads")


@pytest.fixture(scope="module")
def api(apple):
    return client(apple)


@pytest.fixture(scope="module")
def account(api):
    """The account in dollars, as a context, and its details."""
    for acl in api.get_user_acls().result.acls:
        context = f"adAccountId={acl.ad_account.id}"
        found = known(api.ad_accounts_id_get(str(acl.ad_account.id), context)).result
        if found.currency == "USD":
            return context, found
    raise AssertionError("no account in dollars")


def unknown(x, path="answer"):
    """Members that the models do not have, and words that their enums do not have."""
    if isinstance(x, pydantic.BaseModel):
        extra = getattr(x, "additional_properties", None) or {}
        yield from (f"{path}.{name}" for name in extra)
        for name in type(x).model_fields:
            if name != "additional_properties":
                yield from unknown(getattr(x, name), f"{path}.{name}")
    elif isinstance(x, (list, tuple)):
        for y in x:
            yield from unknown(y, path + "[]")
    elif str(getattr(x, "value", x)) == "unknown_default_open_api":
        yield path


def known(answer):
    assert not list(unknown(answer)), list(unknown(answer))[:5]
    return answer


def query(*filters, size=1000, offset=0):
    return models.QueryRequest(filters=[models.QueryFilter(field=f, operator=o, value=v) for f, o, v in filters],
                               pagination=models.QueryPagination(page_size=size, offset=offset, fetch_total_count=True))


def days(n):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return today - datetime.timedelta(n + 3), today - datetime.timedelta(4)


@pytest.fixture(scope="module")
def campaigns(api, account):
    r = known(api.campaigns_query_post(account[0], query(("deleted", "IN", [True, False]))))
    assert r.pagination.total_count == len(r.result) > 5
    return r.result


def report(api, account, campaigns, level, size=500, offset=0, group=None, n=7, granularity="DAILY", **options):
    start, end = days(n)
    body = models.AppsReportingRequest(
        filters=[models.Filter(field="campaignId", operator="IN", value=[str(c.id) for c in campaigns])], group_by=group and [group],
        time_range=models.TimeRange(start=start, end=end, time_zone="ORTZ", granularity=granularity),
        pagination=models.RequestPagination(offset=offset, page_size=size), options=options and models.AppsOptions(**options) or None)
    return known(getattr(api, f"apps_{LEVELS[level]}_reports")(account[0], body))


def total(rows):
    """impressions, taps, installs, spend: of the totals, which the entries have to add up to."""
    def add(all):
        return (sum(m.impressions for m in all), sum(m.taps for m in all), sum(m.total_installs for m in all),
                sum(decimal.Decimal(m.local_spend.amount) for m in all))
    for row in rows:
        assert add([row.total_metrics]) == add(row.granular_metrics)
        assert all(DAY.fullmatch(m.var_date) for m in row.granular_metrics)
    return add([row.total_metrics for row in rows])


def test_lists(api, account, campaigns):
    context, found = account
    assert api.get_me().result.org_id
    assert found.timezone == "America/New_York" and found.system_status == "ACTIVE"
    some = known(api.campaigns_query_post(context, query())).result
    assert [c.id for c in some] == [c.id for c in campaigns if not c.deleted] and len(some) < len(campaigns)
    groups = known(api.adgroups_query_post(context, query())).result
    assert {g.campaign_id for g in groups} <= {c.id for c in campaigns}
    one = known(api.adgroups_query_post(context, query(("campaignId", "EQUALS", some[0].id)))).result
    assert [g.id for g in one] == [g.id for g in groups if g.campaign_id == some[0].id] != []
    words = known(api.keywords_query_post(context, query(("campaignId", "IN", [c.id for c in some])))).result
    page = [k.id for i in range(0, len(words), 7) for k in api.keywords_query_post(context, query(("campaignId", "IN", [c.id for c in some]), size=7, offset=i)).result]
    assert page == [k.id for k in words] != []
    with pytest.raises(ApiException) as no:
        api.keywords_query_post(context, query())
    assert no.value.status == 400
    assert known(api.negative_keywords_query_post(context, query(("campaignId", "EQUALS", some[0].id)))).result
    ads, creatives = known(api.ads_query_post(context, query())).result, known(api.creatives_query_post(context, query())).result
    assert {a.creative_id for a in ads} <= {c.id for c in creatives}


def test_reports(api, account, campaigns):
    whole = {level: report(api, account, campaigns, level) for level in LEVELS}
    sums = {level: total(r.result.rows) for level, r in whole.items()}
    assert sums["campaigns"] == sums["adgroups"] == sums["ads"] and sums["campaigns"][0] > 0
    assert sums["keywords"] == sums["searchterms"] and sums["keywords"][0] > 0
    assert any(r.metadata.search_term_text is None for r in whole["searchterms"].result.rows)
    grand = report(api, account, campaigns, "keywords", include_rows=["GRAND_TOTAL"]).result.summary.grand_total
    assert (grand.impressions, grand.taps, grand.total_installs) == sums["keywords"][:3]
    rows = whole["keywords"].result.rows
    assert whole["keywords"].pagination.total_count == len(rows)
    assert [r.metadata.id for r in rows] == [r.metadata.id for i in range(0, len(rows), 9) for r in report(api, account, campaigns, "keywords", 9, i).result.rows]
    for group in ("deviceClass", "ageRange", "gender", "adminArea", "countryOrRegion"):
        assert total(report(api, account, campaigns, "adgroups", group=group).result.rows) == sums["campaigns"], group


@pytest.mark.parametrize("level,asked", [
    ("ads", {"granularity": "HOURLY"}), ("keywords", {"group": "ageRange"}), ("ads", {"group": "deviceClass"}), ("campaigns", {"n": 100}),
    ("campaigns", {"granularity": "HOURLY", "n": 20}), ("campaigns", {"n": 1}), ("searchterms", {"include_rows": ["GRAND_TOTAL"]}), ("campaigns", {"size": 5001})])
def test_refused_reports(api, account, campaigns, level, asked):
    with pytest.raises(ApiException) as no:
        report(api, account, campaigns, level, **asked)
    assert no.value.status == 400
    known(models.ErrorResponse.from_json(no.value.body))


def test_changes(api, account, campaigns):
    context, _ = account
    own = next(c for c in campaigns if c.status == "ENABLED" and c.daily_budget)
    money = models.Money(amount="123.45", currency="USD")
    r = known(api.campaigns_id_put(str(own.id), context, models.CampaignUpdate(status="PAUSED", daily_budget=models.DailyBudgetUpdate(value=money)))).result
    now = known(api.campaigns_id_get(str(own.id), context)).result
    assert r == now and now.status == "PAUSED" and now.display_status == "PAUSED" and now.daily_budget.value == money
    api.campaigns_id_put(str(own.id), context, models.CampaignUpdate(status="ENABLED"))

    manual = next(c for c in campaigns if c.status == "ENABLED" and c.bid_strategy.bid_strategy_type == "MANUAL_CPT")
    group = api.adgroups_query_post(context, query(("campaignId", "EQUALS", manual.id))).result[0]
    bid = models.Money(amount="1.10", currency="USD")
    known(api.adgroups_id_put(str(group.id), context, models.AdGroupUpdate(bid_strategy=models.BidStrategyUpdate(bid=bid))))
    assert api.adgroups_id_get(str(group.id), context).result.bid_strategy.bid == bid
    words = api.keywords_query_post(context, query(("adGroupId", "EQUALS", group.id))).result
    many = models.KeywordUpdateBulkRequest(allow_partial_success=True, items=[
        models.KeywordUpdateBulkRequestItem(correlation_id=i, data=models.BulkKeywordUpdate(id=n, bid=bid, status="PAUSED")) for i, n in enumerate([words[0].id, words[1].id, 77])])
    done = known(api.keywords_bulk_update_post(context, many)).result
    assert [x.success for x in done] == [True, True, False]
    after = {k.id: k for k in api.keywords_query_post(context, query(("adGroupId", "EQUALS", group.id))).result}
    assert all(after[w.id].bid == bid and after[w.id].status == "PAUSED" for w in words[:2])

    automatic = next(c for c in campaigns if c.status == "ENABLED" and c.bid_strategy.bid_strategy_type == "MAX_CONVERSIONS")
    other = api.adgroups_query_post(context, query(("campaignId", "EQUALS", automatic.id))).result[0]
    with pytest.raises(ApiException) as no:
        api.adgroups_id_put(str(other.id), context, models.AdGroupUpdate(bid_strategy=models.BidStrategyUpdate(bid=bid)))
    assert no.value.status == 400
    gone = next(c for c in campaigns if c.deleted)
    with pytest.raises(ApiException) as no:
        api.campaigns_id_put(str(gone.id), context, models.CampaignUpdate(status="ENABLED"))
    assert no.value.status == 404


def test_refused_credentials(apple, api, account):
    for wrong in ("client_id", "team_id", "key_id"):
        with pytest.raises(TokenFetchError, match="invalid_client"):
            client(apple, **{wrong: "other"}).get_me()
    with pytest.raises(ApiException) as no:
        api.campaigns_query_post("adAccountId=1", query())
    assert no.value.status == 403
    with pytest.raises(ApiException) as no:  # an organisation is not an account
        api.campaigns_query_post(account[0].replace("adAccountId", "orgId"), query())
    assert no.value.status == 400


# What the connector says and hears, by the shape of the path: the models of the request and of the answer.
SHAPES = {
    r"GET /v1/acls": (None, models.UserAclListResponse), r"GET /v1/ad-accounts/\d+": (None, models.AdAccountResponse),
    r"POST /v1/campaigns/query": (models.QueryRequest, models.CampaignQueryResponse), r"POST /v1/adgroups/query": (models.QueryRequest, models.AdGroupQueryResponse),
    r"POST /v1/keywords/query": (models.QueryRequest, models.KeywordQueryResponse), r"POST /v1/ads/query": (models.QueryRequest, models.AdQueryResponse),
    r"POST /v1/negative-keywords/query": (models.QueryRequest, models.NegativeKeywordQueryResponse), r"POST /v1/creatives/query": (models.QueryRequest, models.CreativeQueryResponse),
} | {rf"POST /v1/reports/apps/{level}/query": (models.AppsReportingRequest, getattr(models, f"Apps{''.join(w.title() for w in name.split('_'))}ReportResponse")) for level, name in LEVELS.items()}


@pytest.fixture
def tapped(apple):
    """A proxy in front of the simulator, and what passed it."""
    passed = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            heads = {k: v for k, v in self.headers.items() if k not in ("Host", "Accept-Encoding", "Content-Length")}
            try:
                res = urllib.request.urlopen(urllib.request.Request(apple.url + self.path, data=body or None, headers=heads, method=self.command))
            except urllib.error.HTTPError as e:
                res = e
            answer = res.read()
            if not self.path.endswith("/token"):
                passed.append((f"{self.command} {self.path}", body, res.status, answer))
            self.send_response(res.status)
            self.send_header("Content-Type", res.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = serve

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", passed
    server.shutdown()


def test_connector(apple, api, tapped, configured):
    url, passed = tapped
    apple.options, options = {k: v.replace(apple.url, url) if isinstance(v, str) else v for k, v in apple.options.items()}, apple.options
    try:
        start, end = days(5)
        names = ["campaigns", "ad_groups", "keywords", "negative_keywords", "ads", "creatives"] + [f"{n}_performance" for n in (*LEVELS.values(), "campaign_country", "ad_group_age", "keyword_device")]
        for name in names:
            days_of = f" WHERE date BETWEEN '{start}' AND '{end}'" if name.endswith("_performance") else ""
            done = configured(apple, "query", f"SELECT COUNT(*) FROM apple_ads.{name}{days_of}")
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        apple.options = options
    seen = collections.Counter()
    for line, body, status, answer in passed:
        shape = next((s for s in SHAPES if re.fullmatch(s, line)), None)
        assert shape, line
        asks, answers = SHAPES[shape]
        if asks:
            known(asks.from_json(body.decode()))
        assert status == 200, (line, body, answer)
        known(answers.from_json(answer.decode()))
        seen[shape] += 1
    assert set(seen) == set(SHAPES), set(SHAPES) - set(seen)
