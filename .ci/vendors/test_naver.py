"""A public client of the Naver Search Ad API (powernad; Naver itself has none) against the simulator: entities, /stats,
stat and master reports, bizmoney and a PUT. What it reads is held against another grain of the same."""
import datetime
import json
import time
import zoneinfo

import pytest
import requests
from powernad.API.AdGroup import AdGroup
from powernad.API.AdKeyword import AdKeyword
from powernad.API.Bizmoney import Bizmoney
from powernad.API.Campaign import Campaign
from powernad.API.MasterReport import MasterReport
from powernad.API.Stat import Stat
from powernad.API.StatReport import StatReport
from powernad.Connector.restapi import RestApi
from powernad.Object.MasterReport.RequestObject.CreateMasterReportObject import CreateMasterReportObject
from powernad.Object.StatReport.RequestObject.CreateStatReportObject import CreateStatReportObject

DAY = datetime.datetime.now(zoneinfo.ZoneInfo("Asia/Seoul")).date() - datetime.timedelta(days=5)
FIELDS = '["impCnt","clkCnt","salesAmt","ccnt"]'
RANGE = json.dumps({"since": str(DAY), "until": str(DAY)})


@pytest.fixture(scope="module")
def naver(simulator):
    return simulator("naver_searchad")


@pytest.fixture(scope="module")
def account(naver):
    """What every class of the library is made with, for the first account that the keys reach."""
    keys = naver.url, naver.secrets["api_key"], naver.secrets["secret_key"]
    reached = RestApi(*keys, naver.options["customer_id"]).get("/ad-accounts", {"size": "1000"})
    assert reached["totalElements"] == len(reached["content"]) > 0
    return *keys, reached["content"][0]["adAccount"]["masterCustomerId"]


def read(account, url):
    """The lines of a report's file: the library does not read it itself."""
    reply = requests.get(url, headers=RestApi(*account).get_header("GET", "/report-download"))
    assert reply.status_code == 200, reply.text
    return [line.split("\t") for line in reply.text.splitlines()]


def built(get, id):
    for _ in range(60):
        job = get(str(id))
        if job.status in ("BUILT", "NONE", "ERROR"):
            return job
        time.sleep(0.5)
    raise AssertionError(job.status)


def test_entities(account):
    campaigns = Campaign(*account).get_campaign_list(recordSize="2")
    assert len(campaigns) == 2
    rest = Campaign(*account).get_campaign_list(baseSearchId=campaigns[-1].nccCampaignId, recordSize="1000", selector="NEXT")
    ids = [c.nccCampaignId for c in campaigns + rest]
    assert len(ids) == len(set(ids)) > 5
    assert Campaign(*account).get_campaign(ids[3]).name == (campaigns + rest)[3].name
    groups = AdGroup(*account).get_adgroup_list(nccCampaignId=ids[0])
    assert groups and all(g.nccCampaignId == ids[0] for g in groups)
    keywords = AdKeyword(*account).get_adkeyword_list_by_group_id(nccAdgroupId=groups[0].nccAdgroupId)
    assert keywords and all(k.keyword for k in keywords)


def test_files_are_what_stats_say(account):
    jobs = StatReport(*account)
    job = built(jobs.get_stat_report, jobs.create_stat_report(CreateStatReportObject("AD", DAY.strftime("%Y%m%d"))).reportJobId)
    # The day is told in UTC, where it begins the evening before.
    assert job.statDt == f"{DAY - datetime.timedelta(days=1)}T15:00:00Z"
    lines = read(account, job.downloadUrl)
    assert {tuple(x[:2]) for x in lines} == {(DAY.strftime("%Y%m%d"), str(account[3]))} and {len(x) for x in lines} == {14}
    for c in Campaign(*account).get_campaign_list():
        stat = Stat(*account).get_stat_by_ids(c.nccCampaignId, FIELDS, RANGE).data
        mine = [x for x in lines if x[2] == c.nccCampaignId]
        want = [sum(int(x[i]) for x in mine) for i in (9, 10, 11)]
        got = [stat[0].impCnt, stat[0].clkCnt, stat[0].salesAmt] if stat else [0, 0, 0]
        assert got == want, c.name
    jobs.delete_stat_reports(str(job.reportJobId))
    assert RestApi(*account).get("/stat-reports/" + str(job.reportJobId)) is None


def test_master_report(account):
    job = MasterReport(*account).create_master_report(CreateMasterReportObject("Campaign", None))
    lines = read(account, built(MasterReport(*account).get_master_report_by_id, job.id).downloadUrl)
    assert {x[1]: x[2] for x in lines} == {c.nccCampaignId: c.name for c in Campaign(*account).get_campaign_list()}


def test_budget(account):
    c = next(c for c in Campaign(*account).get_campaign_list() if c.useDailyBudget)

    class Update:
        pass

    u = Update()
    u.nccCampaignId, u.customerId, u.useDailyBudget, u.dailyBudget = c.nccCampaignId, account[3], True, c.dailyBudget + 10
    assert Campaign(*account).update_campaign(u, c.nccCampaignId, ["budget"]).dailyBudget == c.dailyBudget + 10
    u.dailyBudget += 5  # not a step of ten
    with pytest.raises(Exception):
        Campaign(*account).update_campaign(u, c.nccCampaignId, ["budget"])
    assert Campaign(*account).get_campaign(c.nccCampaignId).dailyBudget == c.dailyBudget + 10


def test_bizmoney(account):
    assert Bizmoney(*account).get_biz_money().bizmoney > 0


def test_wrong_secret(account):
    wrong = RestApi(account[0], account[1], account[2] + "x", account[3])
    reply = requests.get(account[0] + "/ncc/campaigns", headers=wrong.get_header("GET", "/ncc/campaigns"))
    assert reply.status_code == 403 and reply.json()["type"] == "urn:naver:api:problem:invalid-signature"
