package naversearchad

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"argo/tables/fault"
	"argo/tables/rest"
)

func TestClassify(t *testing.T) {
	c := &Client{customer: "9000001"}
	for _, x := range []struct {
		name   string
		status int
		body   string
		write  bool
		kind   fault.Kind // "" is accepted
		retry  bool
		renew  bool
		safe   bool
		code   int
	}{
		{"list", 200, `[{"nccCampaignId":"cmp-1"}]`, false, "", false, false, false, 0},
		{"entity with a status", 200, `{"nccCampaignId":"cmp-1","status":"ELIGIBLE","name":"x"}`, false, "", false, false, false, 0},
		{"nothing", 204, "", false, "", false, false, false, 0},
		{"error with 200", 200, `{"code":3501,"title":"Campaign does not exist."}`, false, fault.NotFound, false, false, true, 3501},
		{"a page with 200", 200, `<html>login</html>`, false, fault.Broken, false, false, false, 0},
		{"clock", 403, `{"timestamp":1,"status":403,"type":"urn:naver:api:problem:invalid-timestamp","title":"Invalid Timestamp","detail":"Request has expired."}`, true, fault.Auth, false, true, true, 0},
		{"signature", 403, `{"signature":"s1g","status":403,"type":"urn:naver:api:problem:invalid-signature","title":"Invalid Signature","detail":"Signature 's1g' is invalid."}`, true, fault.Auth, false, true, true, 0},
		{"header", 403, `{"header":"X-API-KEY","status":403,"type":"urn:naver:api:problem:missing-header","title":"Missing Header","detail":"x"}`, false, fault.Internal, false, false, true, 0},
		{"no permission", 403, `{"code":"1018","status":"403","title":"No permission"}`, false, fault.Denied, false, false, true, 1018},
		{"forbidden", 403, `Failed to get ad accounts: Forbidden`, false, fault.Denied, false, false, true, 0},
		{"no campaign", 404, `{"code":3501,"status":404,"title":"…","transactionId":"A1B2C3"}`, false, fault.NotFound, false, false, true, 3501},
		{"bid", 400, `{"code":3904,"status":400,"title":"Invalid bid amount."}`, true, fault.Refused, false, false, true, 3904},
		{"no data", 400, `{"code":20001,"message":"…"}`, false, fault.NotFound, false, false, true, 20001},
		{"parameter", 400, `{"code":11001,"message":"잘못된 파라미터 형식입니다."}`, false, fault.Invalid, false, false, true, 11001},
		{"jobs", 400, `{"name":"BadRequest","status":400,"title":"Bad Request","detail":"exceeded limit of '100' numbers of 'job'"}`, true, fault.Refused, false, false, true, 0},
		{"being prepared", 400, `{"code":20007,"message":"…"}`, true, fault.Unavailable, false, false, true, 20007},
		{"too many, a page", 429, `<h1>429 Too Many Requests</h1>`, true, fault.Throttled, true, false, true, 0},
		{"too many connections", 400, `{"code":1016,"title":"too many"}`, false, fault.Throttled, true, false, true, 0},
		{"down", 503, `<html>`, true, fault.Unavailable, true, false, false, 0},
		{"failed", 500, `{"code":500,"title":"Unknown error occurred."}`, false, fault.Unavailable, true, false, false, 500},
	} {
		k := c.classify(rest.Reply{About: "Naver Search Ad account 1", Request: &rest.Request{Write: x.write}, Status: x.status, Head: http.Header{}, Body: []byte(x.body), Whole: true, Now: time.Unix(1760000000, 0)})
		kind := fault.Kind("")
		if k.Fault != nil {
			kind = k.Fault.Kind
			if strings.Contains(k.Fault.Error(), "s1g") {
				t.Errorf("%s: the error repeats the signature", x.name)
			}
			if (kind == fault.Auth || kind == fault.Denied) && k.Fault.Hint == "" {
				t.Errorf("%s: no cure", x.name)
			}
			if Code(k.Fault) != x.code {
				t.Errorf("%s: code %d", x.name, Code(k.Fault))
			}
		}
		if kind != x.kind || k.Retry != x.retry || k.Renew != x.renew || kind != "" && k.Safe != x.safe && kind != fault.Broken {
			t.Errorf("%s: %+v", x.name, k)
		}
	}
}
