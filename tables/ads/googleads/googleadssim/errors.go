package googleadssim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// apiError is a refusal as the API words it: an HTTP status, and one
// GoogleAdsError or more in a GoogleAdsFailure. Without any it is an error of
// the front end, which knows no GoogleAdsFailure.
type apiError struct {
	code    int    // HTTP
	status  string // of google.rpc.Code
	message string
	errors  []adsError
	reason  string // of google.rpc.ErrorInfo, for errors of the front end
}

func (e *apiError) Error() string { return e.message }

// adsError is a GoogleAdsError.
type adsError struct {
	kind, code string // "queryError", "UNRECOGNIZED_FIELD"
	message    string
	trigger    string
	location   []element
	quota      *quotaDetails
}

type element struct {
	FieldName string `json:"fieldName"`
	Index     *int   `json:"index,omitempty"`
}

type quotaDetails struct {
	RateScope  string `json:"rateScope"`
	RateName   string `json:"rateName"`
	RetryDelay string `json:"retryDelay"`
}

// statusOf gives the status words by HTTP code.
var statusOf = map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
	429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}

// messageOf gives the front end's messages by HTTP code.
var messageOf = map[int]string{400: "Request contains an invalid argument.", 401: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
	403: "The caller does not have permission", 429: "Resource has been exhausted (e.g. check quota).", 500: "Internal error encountered.",
	503: "The service is currently unavailable."}

// failure makes an error with a GoogleAdsFailure.
func failure(code int, errs ...adsError) *apiError {
	return &apiError{code: code, status: statusOf[code], message: messageOf[code], errors: errs}
}

// single is failure with one error.
func single(code int, kind, word, format string, args ...any) *apiError {
	return failure(code, adsError{kind: kind, code: word, message: fmt.Sprintf(format, args...)})
}

// frontEnd makes an error without a GoogleAdsFailure.
func frontEnd(code int, reason, format string, args ...any) *apiError {
	return &apiError{code: code, status: statusOf[code], message: fmt.Sprintf(format, args...), reason: reason}
}

// badJSON is the front end's answer to a body it cannot read.
func badJSON(format string, args ...any) *apiError {
	return frontEnd(400, "", "Invalid JSON payload received. "+format, args...)
}

// throttled is a 429 with the delay after which to try again.
func throttled(code, scope, rate string, delay time.Duration) *apiError {
	seconds := strconv.FormatFloat(delay.Seconds(), 'f', -1, 64)
	return failure(429, adsError{kind: "quotaError", code: code, message: fmt.Sprintf("Too many requests. Retry in %s seconds.", seconds),
		quota: &quotaDetails{scope, rate, seconds + "s"}})
}

// asAPI turns an error of a query into the API's.
func asAPI(err error) *apiError {
	switch e := err.(type) {
	case *apiError:
		return e
	case *queryFault:
		return single(400, "queryError", e.code, "%s", e.message)
	case *changeFault:
		return single(400, "changeEventError", e.code, "%s", e.message)
	case *notModelled:
		return frontEnd(501, "", "%s", e.Error())
	}
	return frontEnd(500, "", "%s", err)
}

func (e adsError) json() map[string]any {
	out := map[string]any{"errorCode": map[string]string{e.kind: e.code}, "message": e.message}
	if e.trigger != "" {
		out["trigger"] = map[string]string{"stringValue": e.trigger}
	}
	if e.location != nil {
		out["location"] = map[string]any{"fieldPathElements": e.location}
	}
	if e.quota != nil {
		out["details"] = map[string]any{"quotaErrorDetails": e.quota}
	}
	return out
}

const failureType = "type.googleapis.com/google.ads.googleads." + version + ".errors.GoogleAdsFailure"

// failureOf is the GoogleAdsFailure of errors, as a detail of a status.
func failureOf(errs []adsError, request string) map[string]any {
	list := make([]any, len(errs))
	for i, x := range errs {
		list[i] = x.json()
	}
	return map[string]any{"@type": failureType, "errors": list, "requestId": request}
}

func (e *apiError) json(request string) map[string]any {
	body := map[string]any{"code": e.code, "message": e.message, "status": e.status}
	if len(e.errors) > 0 {
		body["details"] = []any{failureOf(e.errors, request)}
	} else if e.reason != "" {
		body["details"] = []any{map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": e.reason,
			"domain": "googleapis.com", "metadata": map[string]string{"service": "googleads.googleapis.com"}}}
	}
	return map[string]any{"error": body}
}

// write answers with the error. A streaming method wraps it into an array.
func (e *apiError) write(w http.ResponseWriter, request string, stream bool) {
	var body any = e.json(request)
	if stream {
		body = []any{body}
	}
	writeJSON(w, e.code, body)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a reader that has gone is not our concern
}
