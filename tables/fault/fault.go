// Package fault is the one error that reaches a person.
//
// A fault says what happened (Message), to whom it belongs (Kind) and what to
// type next (Hint). Every other error in Argo is plumbing and is wrapped with
// %w; one table in server/engine turns the Kind into a MySQL code and SQLSTATE.
// It knows no channel, no engine and no protocol.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says who can do something about the fault. It decides retry, warning or
// failure, and the MySQL error code; it is never shown alone.
type Kind string

const (
	Internal    Kind = "internal"    // a defect of Argo: report it
	Config      Kind = "config"      // the configuration is wrong: its owner mends it
	Auth        Kind = "auth"        // credentials are missing, expired or revoked: re-authorise the connection
	Denied      Kind = "denied"      // valid credentials, but not for this account or object
	NotFound    Kind = "not_found"   // the object named does not exist at the source
	Invalid     Kind = "invalid"     // the request cannot be answered as asked: the person who asked changes it
	Unsupported Kind = "unsupported" // MySQL could, Argo cannot (yet): the message says what
	Throttled   Kind = "throttled"   // quota or rate: RetryAfter says when
	Unavailable Kind = "unavailable" // the source is down or answers nonsense: wait
	Conflict    Kind = "conflict"    // the world moved: read again, decide again
	Refused     Kind = "refused"     // a guardrail, a limit or the channel's own validation said no
	Held        Kind = "held"        // a guardrail says not now: it goes on by itself, or is given up
	Canceled    Kind = "canceled"    // KILL, disconnect, Ctrl-C
	Timeout     Kind = "timeout"     // max_execution_time
	Unknown     Kind = "unknown"     // a change was sent and its outcome is not known: do not repeat it blindly
	Broken      Kind = "broken"      // a file or a reply that cannot be read
	Stale       Kind = "stale"       // an older reading answers, since the source cannot be asked: wait, or ask with argo_strict
	Untied      Kind = "untied"      // the rows do not add up to the source's own total: see argo.reconcile
	Mixed       Kind = "mixed"       // amounts of several currencies are added up: the person who asked converts or groups them
	Gap         Kind = "gap"         // nothing was known of these days at the moment that was asked for
)

// Error is a fault. It holds no secret and no row of data.
type Error struct {
	Kind       Kind
	Message    string        // one sentence, names the object
	Hint       string        // what to do, may be pasted; empty where there is nothing to do
	RetryAfter time.Duration // with Throttled and Unavailable, when known
	Err        error         // the cause, for the log
}

func (e *Error) Error() string {
	s := e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// New makes a fault; the message is formatted, the hint is added with WithHint.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault of a cause. It returns nil for a nil cause.
func Wrap(k Kind, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...), Err: err}
}

// WithHint adds what to do and returns the same fault.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// As gives the outermost fault in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// KindOf gives the kind of the outermost fault, Internal for any other error
// and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e := As(err); e != nil {
		return e.Kind
	}
	return Internal
}

// Is says whether err is a fault of kind k.
func Is(err error, k Kind) bool { return KindOf(err) == k }
