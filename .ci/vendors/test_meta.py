"""Meta's own client library (facebook-business) against the simulator: accounts, entities, insights in one request
and as reports, breakdowns, changes, batches and errors. What it reads is held against another grain of the same, and
every answer and every request of Argo's own tests against the fields that the library was generated from."""
import collections
import decimal
import inspect
import json
import os
import subprocess
import time

import pytest
from facebook_business.adobjects.ad import Ad
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adactivity import AdActivity
from facebook_business.adobjects.adcreative import AdCreative
from facebook_business.adobjects.adreportrun import AdReportRun
from facebook_business.adobjects.adset import AdSet
from facebook_business.adobjects.adsinsights import AdsInsights
from facebook_business.adobjects.campaign import Campaign
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from conftest import ROOT

DAYS = 7


@pytest.fixture(scope="module")
def meta(simulator):
    return simulator("meta_ads")


@pytest.fixture(scope="module", autouse=True)
def api(meta):
    session = FacebookSession(app_secret=meta.secrets["app_secret"], access_token=meta.secrets["access_token"])
    session.GRAPH = meta.url
    api = FacebookAdsApi(session, api_version="v25.0")
    FacebookAdsApi.set_default_api(api)
    return api


@pytest.fixture(scope="module")
def accounts(api):
    found = list(User("me").get_ad_accounts(fields=["id", "account_id", "name", "currency", "timezone_name", "min_daily_budget"]))
    assert {a["currency"] for a in found} == {"KRW", "USD", "JPY"}
    return found


@pytest.fixture(scope="module")
def dollars(accounts):
    return next(a for a in accounts if a["currency"] == "USD")


def last_week():
    now = time.time()
    day = lambda n: time.strftime("%Y-%m-%d", time.gmtime(now - n * 86400))
    return {"since": day(DAYS + 3), "until": day(3)}


def total(rows, field):
    return sum((decimal.Decimal(r[field]) for r in rows), decimal.Decimal(0))


def insights(account, level, fields=("impressions", "clicks", "spend", "actions"), **params):
    rows = list(account.get_insights(fields=list(fields), params={"level": level, "time_range": last_week(), "time_increment": 1, "limit": 100} | params))
    assert rows
    for r in rows:
        conforms(AdsInsights, r.export_all_data())
    return rows


def conforms(cls, o):
    """Every field is one of the library's; what is below it is of the kind that it says."""
    known = {v for k, v in vars(cls.Field).items() if not k.startswith("_")}
    assert set(o) <= known | {"id"} | breakdowns(cls), set(o) - known
    for name, value in o.items():
        kind = cls._field_types.get(name, "")
        if kind.startswith("list"):
            assert isinstance(value, list), (name, kind, value)
        elif kind == "string" or kind == "datetime":
            assert isinstance(value, str), (name, kind, value)
        elif kind in ("int", "unsigned int"):
            assert isinstance(value, int), (name, kind, value)


def breakdowns(cls):
    return {v for k, v in vars(AdsInsights.Breakdowns).items() if not k.startswith("_")} if cls is AdsInsights else set()


def test_entities_agree(accounts):
    for a in accounts:
        statuses = {"effective_status": ["ACTIVE", "PAUSED", "CAMPAIGN_PAUSED", "ADSET_PAUSED", "DELETED"], "limit": 7}
        fields = lambda cls, names: [getattr(cls.Field, n) for n in names]
        campaigns = list(a.get_campaigns(fields=fields(Campaign, ["id", "name", "status", "effective_status", "objective", "daily_budget", "bid_strategy", "created_time"]), params=statuses))
        sets = list(a.get_ad_sets(fields=fields(AdSet, ["id", "campaign_id", "daily_budget", "bid_amount", "targeting", "attribution_spec", "optimization_goal"]), params=statuses))
        ads = list(a.get_ads(fields=fields(Ad, ["id", "adset_id", "campaign_id", "creative", "effective_status"]), params=statuses))
        creatives = list(a.get_ad_creatives(fields=fields(AdCreative, ["id", "title", "body", "link_url", "object_story_spec"]), params={"limit": 7}))
        for cls, found in ((Campaign, campaigns), (AdSet, sets), (Ad, ads), (AdCreative, creatives)):
            ids = [o["id"] for o in found]
            assert ids and len(ids) == len(set(ids))
            for o in found:
                conforms(cls, o.export_all_data())
        assert {s["campaign_id"] for s in sets} <= {c["id"] for c in campaigns}
        assert {x["adset_id"] for x in ads} <= {s["id"] for s in sets}
        assert {x["creative"]["id"] for x in ads} == {c["id"] for c in creatives}
        # A daily budget is at one level only.
        budgeted = {c["id"] for c in campaigns if "daily_budget" in c}
        for s in sets:
            assert ("daily_budget" in s) != (s["campaign_id"] in budgeted)


def test_levels_agree(accounts):
    for a in accounts:
        whole = insights(a, "account")
        for level in ("campaign", "adset", "ad"):
            rows = insights(a, level, fields=("impressions", "clicks", "spend", "actions", level + "_id"))
            for field in ("impressions", "clicks", "spend"):
                assert total(rows, field) == total(whole, field), (level, field)


@pytest.mark.parametrize("by", [["age", "gender"], ["country"], ["region"], ["publisher_platform", "platform_position"],
                                ["publisher_platform", "impression_device"], ["hourly_stats_aggregated_by_advertiser_time_zone"]])
def test_breakdowns_agree(dollars, by):
    whole = insights(dollars, "account")
    rows = insights(dollars, "account", fields=("impressions", "clicks", "spend"), breakdowns=by)
    assert all(b in r for r in rows for b in by)
    for field in ("impressions", "clicks", "spend"):
        assert total(rows, field) == total(whole, field), field


def test_windows(dollars):
    rows = insights(dollars, "campaign", action_attribution_windows=["1d_click", "7d_click", "28d_click", "1d_view"])
    seen = 0
    for r in rows:
        for x in r.get("actions", []):
            if x["action_type"] == "omni_purchase":
                seen += 1
                assert int(x["value"]) == int(x.get("7d_click", 0)) + int(x.get("1d_view", 0))
                assert int(x.get("1d_click", 0)) <= int(x.get("7d_click", 0)) <= int(x.get("28d_click", 0))
    assert seen


def test_report_in_the_background(dollars):
    params = {"level": "ad", "time_range": last_week(), "time_increment": 1}
    fields = ["ad_id", "impressions", "clicks", "spend"]
    run = dollars.get_insights(fields=fields, params=params, is_async=True)
    assert isinstance(run, AdReportRun)
    states = []
    deadline = time.monotonic() + 60
    while True:
        run = run.api_get()
        conforms(AdReportRun, {k: v for k, v in run.export_all_data().items() if k != "report_run_id"})  # the library's own
        states.append((run["async_status"], run["async_percent_completion"]))
        if states[-1] == ("Job Completed", 100):
            break
        assert time.monotonic() < deadline, states
        time.sleep(0.2)
    got = list(run.get_insights(params={"limit": 50}))
    want = insights(dollars, "ad", fields)
    key = lambda rows: collections.Counter((r["date_start"], r["ad_id"], r["impressions"]) for r in rows)
    assert key(got) == key(want)


def test_changes(dollars):
    campaign = next(c for c in dollars.get_campaigns(fields=["id", "daily_budget", "status"]) if "daily_budget" in c)
    before = campaign["daily_budget"]
    new = str(int(before) + 100)
    campaign.api_update(params={"daily_budget": new, "execution_options": ["validate_only"]})
    assert campaign.api_get(fields=["daily_budget"])["daily_budget"] == before
    campaign.api_update(params={"daily_budget": new})
    assert campaign.api_get(fields=["daily_budget"])["daily_budget"] == new
    for word in ("PAUSED", "ACTIVE"):
        campaign.api_update(params={"status": word})
        assert campaign.api_get(fields=["status"])["status"] == word
    log = list(dollars.get_activities(fields=["event_type", "object_id", "extra_data", "event_time", "actor_name", "object_type"]))
    for e in log:
        conforms(AdActivity, e.export_all_data())
    assert "update_campaign_budget" in {e["event_type"] for e in log if e["object_id"] == campaign["id"]}
    with pytest.raises(FacebookRequestError) as refused:
        campaign.api_update(params={"daily_budget": 1})
    assert refused.value.api_error_code() == 100 and refused.value.api_error_subcode() == 1885272


def test_ad_set_budget_four_times_an_hour(dollars):
    one = next(s for s in dollars.get_ad_sets(fields=["id", "daily_budget"]) if "daily_budget" in s)
    amount = int(one["daily_budget"])
    for i in range(4):
        one.api_update(params={"daily_budget": amount + 100 * (i + 1)})
    with pytest.raises(FacebookRequestError) as refused:
        one.api_update(params={"daily_budget": amount + 1000})
    assert refused.value.api_error_code() == 613
    assert one.api_get(fields=["daily_budget"])["daily_budget"] == str(amount + 400)


def test_batch(api, dollars):
    ids = [c["id"] for c in dollars.get_campaigns(fields=["id"])][:3]
    names, failed = [], []
    batch = api.new_batch()
    for one in [*ids, "120210009999999999"]:
        Campaign(one).api_get(fields=["name"], batch=batch, success=lambda r: names.append(r.json()["name"]), failure=lambda r: failed.append(r.error().api_error_code()))
    batch.execute()
    assert len(names) == len(ids) and failed == [100]


@pytest.mark.parametrize("params,fields,code", [
    ({"breakdowns": ["age", "country"]}, ["impressions"], 100),
    ({"breakdowns": ["platform_position"]}, ["actions"], 100),
    ({"breakdowns": ["hourly_stats_aggregated_by_advertiser_time_zone"]}, ["reach"], 100),
    ({"time_range": {"since": "2019-01-01", "until": "2019-01-02"}}, ["impressions"], 3018),
    ({"time_range": {"since": "2026-01-02", "until": "2026-01-01"}}, ["impressions"], 100),
    ({"level": "keyword"}, ["impressions"], 100),
    ({}, ["imprezzions"], 100),
])
def test_refusals(dollars, params, fields, code):
    with pytest.raises(FacebookRequestError) as refused:
        list(dollars.get_insights(fields=fields, params=params))
    assert refused.value.api_error_code() == code
    assert refused.value.http_status() == 400


def test_wrong_token(meta):
    session = FacebookSession(app_secret=meta.secrets["app_secret"], access_token="wrong")
    session.GRAPH = meta.url
    with pytest.raises(FacebookRequestError) as refused:
        list(User("me", api=FacebookAdsApi(session, api_version="v25.0")).get_ad_accounts())
    assert refused.value.api_error_code() == 190


def test_same_as_sql(meta, configured, dollars):
    """What the library reads is what Argo answers."""
    rows = insights(dollars, "campaign", fields=("campaign_id", "impressions", "spend"))
    days = last_week()
    done = configured(meta, "query", "--output", "json",
                      "SELECT SUM(impressions) AS impressions, SUM(spend) AS spend, COUNT(*) AS n FROM meta_ads.campaign_insights "
                      f"WHERE account_id = '{dollars['account_id']}' AND date BETWEEN '{days['since']}' AND '{days['until']}'")
    assert done.returncode == 0, done.stdout + done.stderr
    got = json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip().startswith("{") else json.loads(done.stdout)
    got = got[0] if isinstance(got, list) else got
    assert (int(got["n"]), int(got["impressions"])) == (len(rows), total(rows, "impressions"))
    assert decimal.Decimal(str(got["spend"])) == total(rows, "spend")


EDGES = {  # path below an account: what its rows are, and what asks for them
    "insights": (AdsInsights, AdAccount.get_insights), "campaigns": (Campaign, AdAccount.get_campaigns), "adsets": (AdSet, AdAccount.get_ad_sets),
    "ads": (Ad, AdAccount.get_ads), "adcreatives": (AdCreative, AdAccount.get_ad_creatives), "activities": (AdActivity, AdAccount.get_activities),
    "adaccounts": (AdAccount, User.get_ad_accounts),
}


def words(cls, name):
    return {v for k, v in vars(getattr(cls, name)).items() if not k.startswith("_")}


def test_what_argo_exchanges(tmp_path):
    """Requests and answers of the Go tests, strictly by the fields, parameters and enum words of the library."""
    subprocess.run(["go", "test", "-tags", "gms_pure_go", "-count=1", "-run", "TestGolden|TestSimReport|TestSimResume|TestSimPlans", "./tables/ads/metaads"],
                   cwd=ROOT, env=os.environ | {"ARGO_RECORD_DIR": str(tmp_path)}, check=True, capture_output=True, text=True)
    seen = collections.Counter()
    for file in tmp_path.glob("*.jsonl"):
        for line in file.open():
            x = json.loads(line)
            if not x["response"].strip().endswith("}"):  # one that a fault plan cut
                continue
            answer, params = json.loads(x["response"]), {k: v[0] for k, v in x["params"].items()}
            assert x["path"].startswith("/v25.0/")
            parts = x["path"].split("/")[2:]
            if x["status"] != 200:
                assert {"message", "type", "code", "fbtrace_id"} <= set(answer["error"]) and isinstance(answer["error"]["code"], int)
                seen["error"] += 1
                continue
            if len(parts) == 1:  # the state of a report
                conforms(AdReportRun, answer)
                assert set(params["fields"].split(",")) <= words(AdReportRun, "Field")
                seen["report"] += 1
                continue
            cls, method = EDGES[parts[-1]]
            seen[parts[-1]] += 1
            allowed = inspect.getsource(method)
            for name in set(params) - {"fields", "limit", "after"}:
                assert f"'{name}':" in allowed, (parts, name)
            for f in params.get("fields", "").split(","):
                assert f == "" or f.split("{")[0] in words(cls, "Field"), (parts, f)
            if parts[-1] == "insights" and params.get("level"):
                assert params["level"] in words(AdsInsights, "Level")
                assert set(json.loads(params["action_attribution_windows"])) <= words(AdsInsights, "ActionAttributionWindows")
                assert set(json.loads(params.get("breakdowns", "[]"))) <= words(AdsInsights, "Breakdowns")
                assert params["action_report_time"] in words(AdsInsights, "ActionReportTime")
                assert set(json.loads(params.get("summary", "[]"))) <= words(AdsInsights, "Field")
            if x["method"] == "POST":
                assert set(answer) == {"report_run_id"}
                continue
            assert set(answer) <= {"data", "paging", "summary"}
            for o in answer["data"] + ([answer["summary"]] if "summary" in answer else []):
                conforms(cls, o)
    assert all(seen[k] for k in [*EDGES, "error", "report"]), seen
