#!/usr/bin/env python3
"""Decodes recorded Google Ads exchanges with the published protobuf messages.

usage: google_ads_protos.py DIR [DIR ...]

DIR holds *.jsonl as googleadssim.Record writes them: one JSON object a line
with method, path, request, status and response. Every response must decode
strictly, error details included. Every request must decode strictly too, except
those that were answered with "Invalid JSON payload", which must not. Prints
counts by method; exit status 1 on the first kind of failure, 2 where nothing
was checked.

Needs the package google-ads in the version below; it holds the messages:
    python3 -m venv /tmp/protos && /tmp/protos/bin/pip install google-ads==34.0.0
"""

import collections
import glob
import importlib.metadata
import json
import os
import re
import sys

PACKAGE, VERSION = "google-ads", "34.0.0"

try:
    installed = importlib.metadata.version(PACKAGE)
except importlib.metadata.PackageNotFoundError:
    installed = None
if installed != VERSION:
    sys.exit(f"{PACKAGE}=={VERSION} is needed, found {installed or 'none'}: pip install {PACKAGE}=={VERSION}")

from google.protobuf import any_pb2, json_format  # noqa: E402
from google.rpc import code_pb2, error_details_pb2  # noqa: E402,F401 (for details of type google.rpc.*)
from google.ads.googleads.v25.errors.types import errors as _errors  # noqa: E402
from google.ads.googleads.v25.resources.types import google_ads_field  # noqa: E402
from google.ads.googleads.v25.services.types import (  # noqa: E402
    ad_group_ad_service,
    ad_group_criterion_service,
    ad_group_service,
    campaign_budget_service,
    campaign_service,
    customer_service,
    google_ads_field_service,
    google_ads_service,
)

_errors.GoogleAdsFailure.pb()  # puts the message into the pool for Any

METHODS = [
    # path, request, response, stream
    (r"customers/\d+/googleAds:search", google_ads_service.SearchGoogleAdsRequest, google_ads_service.SearchGoogleAdsResponse, False),
    (r"customers/\d+/googleAds:searchStream", google_ads_service.SearchGoogleAdsStreamRequest, google_ads_service.SearchGoogleAdsStreamResponse, True),
    (r"customers/\d+/googleAds:mutate", google_ads_service.MutateGoogleAdsRequest, google_ads_service.MutateGoogleAdsResponse, False),
    (r"customers/\d+/campaigns:mutate", campaign_service.MutateCampaignsRequest, campaign_service.MutateCampaignsResponse, False),
    (r"customers/\d+/campaignBudgets:mutate", campaign_budget_service.MutateCampaignBudgetsRequest, campaign_budget_service.MutateCampaignBudgetsResponse, False),
    (r"customers/\d+/adGroups:mutate", ad_group_service.MutateAdGroupsRequest, ad_group_service.MutateAdGroupsResponse, False),
    (r"customers/\d+/adGroupAds:mutate", ad_group_ad_service.MutateAdGroupAdsRequest, ad_group_ad_service.MutateAdGroupAdsResponse, False),
    (r"customers/\d+/adGroupCriteria:mutate", ad_group_criterion_service.MutateAdGroupCriteriaRequest, ad_group_criterion_service.MutateAdGroupCriteriaResponse, False),
    (r"customers:listAccessibleCustomers", None, customer_service.ListAccessibleCustomersResponse, False),
    (r"googleAdsFields:search", google_ads_field_service.SearchGoogleAdsFieldsRequest, google_ads_field_service.SearchGoogleAdsFieldsResponse, False),
    (r"googleAdsFields/[a-z_.]+", None, google_ads_field.GoogleAdsField, False),
]


def decode(text, message):
    """Strict: an unknown name, a wrong type or an unknown enum word raises."""
    return json_format.Parse(text, message.pb(message()), ignore_unknown_fields=False)


def decode_error(envelope):
    """An error of the REST front end: {"error": google.rpc.Status with words}."""
    if set(envelope) != {"error"}:
        raise ValueError(f"an error has the keys {sorted(envelope)}")
    error = envelope["error"]
    extra = set(error) - {"code", "message", "status", "details"}
    if extra:
        raise ValueError(f"an error has unknown keys {sorted(extra)}")
    if not isinstance(error["code"], int) or error["status"] not in code_pb2.Code.keys():
        raise ValueError(f"error code {error['code']!r}, status {error['status']!r}")
    for detail in error.get("details", []):
        json_format.Parse(json.dumps(detail), any_pb2.Any(), ignore_unknown_fields=False)
    return error


# Data types of fields by protobuf type; enums and messages are told apart below.
TYPES = {"INT64": "int64", "INT32": "int32", "DOUBLE": "double", "BOOLEAN": "bool", "STRING": "string", "DATE": "string", "RESOURCE_NAME": "string"}


def check_field(field):
    """A field of the query language must be a path in GoogleAdsRow, of its type."""
    row = google_ads_service.GoogleAdsRow.pb(google_ads_service.GoogleAdsRow())
    descriptor, found = row.DESCRIPTOR, None
    for part in field["name"].split("."):
        # Words that Python reserves have an underscore in these messages.
        found = descriptor.fields_by_name.get(part) or descriptor.fields_by_name.get(part + "_")
        if found is None:
            raise ValueError(f"{field['name']} is not in GoogleAdsRow")
        descriptor = found.message_type
    kinds = {found.TYPE_INT64: "int64", found.TYPE_INT32: "int32", found.TYPE_DOUBLE: "double", found.TYPE_BOOL: "bool", found.TYPE_STRING: "string"}
    kind = "enum" if found.enum_type else "message" if found.message_type else kinds.get(found.type)
    want = {"ENUM": "enum", "MESSAGE": "message"}.get(field["dataType"], TYPES.get(field["dataType"]))
    if kind != want:
        raise ValueError(f"{field['name']} is {kind}, not {field['dataType']}")
    repeated = found.is_repeated if hasattr(found, "is_repeated") else found.label == found.LABEL_REPEATED
    if field.get("isRepeated", False) != repeated:
        raise ValueError(f"{field['name']}: repeated is {repeated}")
    words = {v.name for v in found.enum_type.values} if found.enum_type else set()
    if not set(field.get("enumValues", [])) <= words:
        raise ValueError(f"{field['name']} has no words {set(field['enumValues']) - words}")


def check(exchange, counts):
    path = re.sub(r"^/v25/", "", exchange["path"])
    method = next((m for m in METHODS if re.fullmatch(m[0], path)), None)
    status, body = exchange["status"], exchange["response"]
    name = re.sub(r"/\d+/", "/*/", path)
    if status >= 400:
        answer = json.loads(body)
        if isinstance(answer, list):
            if len(answer) != 1:
                raise ValueError("a refused stream has one element")
            answer = answer[0]
        error = decode_error(answer)
        if error["code"] != status:
            raise ValueError(f"HTTP status {status} with error code {error['code']}")
        counts[f"{name}: error {status}"] += 1
        invalid = error["message"].startswith("Invalid JSON payload")
    else:
        invalid = False
        if method is None:
            raise ValueError("a method that is not known was answered")
        if method[3]:
            chunks = json.loads(body)
            if not isinstance(chunks, list):
                raise ValueError("a stream is not an array")
            for chunk in chunks:
                if "error" in chunk:
                    decode_error(chunk)
                    counts[f"{name}: error in stream"] += 1
                else:
                    counts[f"{name}: rows"] += len(decode(json.dumps(chunk), method[2]).results)
        else:
            answer = decode(body, method[2])
            for field in json.loads(body).get("results", []) if name == "googleAdsFields:search" else []:
                if "dataType" in field and field.get("category") != "RESOURCE":
                    check_field(field)
                    counts["fields that are as in GoogleAdsRow"] += 1
            if hasattr(answer, "results"):
                counts[f"{name}: rows"] += len(answer.results)
        counts[f"{name}: answers"] += 1
    if method is None or method[1] is None:
        return
    try:
        decode(exchange["request"], method[1])
    except json_format.ParseError as e:
        if not invalid:
            raise ValueError(f"request does not decode: {e}") from e
        counts[f"{name}: refused requests that do not decode"] += 1
    else:
        if invalid:
            raise ValueError("the simulator refused a request that decodes")
        counts[f"{name}: requests"] += 1


def main(folders):
    if not folders:
        sys.exit(__doc__)
    counts, failures, seen = collections.Counter(), 0, 0
    for folder in folders:
        for file in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
            with open(file, encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    exchange = json.loads(line)
                    seen += 1
                    try:
                        check(exchange, counts)
                    except Exception as e:  # any failure to decode is what we look for
                        failures += 1
                        if failures <= 20:
                            print(f"{file}:{number}: {exchange['method']} {exchange['path']} ({exchange['status']}): {e}")
                            print(f"    request  {exchange['request'][:400]}")
                            print(f"    response {exchange['response'][:400]}")
    for name in sorted(counts):
        print(f"{counts[name]:9d}  {name}")
    print(f"{seen} exchanges, {failures} failures")
    if seen == 0:
        sys.exit(2)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
