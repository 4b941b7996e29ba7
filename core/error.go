package core

import (
	"errors"
	"fmt"
)

// Code says to machines what kind of failure an error is. The set is stable: the HTTP API and scripts rely on it.
type Code string

// The codes. Anything without a code is Internal to the outside and logged in full inside.
const (
	Invalid      Code = "invalid"      // the request makes no sense; the sentence says how to mend it
	Unauthorized Code = "unauthorized" // nobody is signed in
	Forbidden    Code = "forbidden"    // signed in, but this role may not
	NotFound     Code = "not-found"    // no such thing, or not in sight
	Conflict     Code = "conflict"     // the thing has changed or is taken; look again
	Gone         Code = "gone"         // it existed and no longer does
	TooLarge     Code = "too-large"    // more bytes than allowed
	RateLimited  Code = "rate-limited" // try again later
	Unavailable  Code = "unavailable"  // a part is down for the moment; trying again is right
	StorageFull  Code = "storage-full" // the disk is full; nothing was written
	Internal     Code = "internal"     // our fault

	// AnsweredMeanwhile is a Conflict of its own: somebody else has answered since the writer last looked.
	AnsweredMeanwhile Code = "answered-meanwhile"
)

// Error is a failure with a code for machines, a sentence for people, and the cause for the log.
type Error struct {
	Code    Code
	Message string // a full sentence, safe to show: no secret, no internal detail
	Field   string // the path of the offending field, where there is one
	Cause   error  // for the log; never shown outside
}

func (e *Error) Error() string {
	s := e.Message
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error. A trailing %w operand becomes its cause.
func Errorf(code Code, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	cause := errors.Unwrap(wrapped)
	message := wrapped.Error()
	if cause != nil {
		if suffix := ": " + cause.Error(); len(message) > len(suffix) && message[len(message)-len(suffix):] == suffix {
			message = message[:len(message)-len(suffix)]
		}
	}
	return &Error{Code: code, Message: message, Cause: cause}
}

// FieldErrorf is Errorf with code Invalid about one field.
func FieldErrorf(field, format string, args ...any) *Error {
	e := Errorf(Invalid, format, args...)
	e.Field = field
	return e
}

// CodeOf returns the code of the first Error in err's chain, Internal when there is none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
