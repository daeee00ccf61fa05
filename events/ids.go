package events

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/google/uuid"
)

// TenantID names one tenant of the platform. On the wire it matches ^[A-Za-z0-9_-]{1,64}$, so it can stand in a NATS
// subject as one token.
type TenantID string

// JobID names one deletion job; it is the text form of a UUID, version 7 when the coordinator makes it.
type JobID string

// Participant names a service that owns tenant data, as ^[a-z][a-z0-9_]{0,31}$.
type Participant string

// EventID identifies one event for ever: equal ids mean the same message, whoever sends it and however often.
type EventID string

// ErrInvalid is matched by every error that says a value from outside does not have the form the contract asks for.
var ErrInvalid = errors.New("invalid")

var (
	tenantForm      = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	participantForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

// ParseTenantID checks the form of a tenant id; the error never repeats what was given.
func ParseTenantID(s string) (TenantID, error) {
	if !tenantForm.MatchString(s) {
		return "", fmt.Errorf("tenant_id: %w: must be 1 to 64 of A-Z a-z 0-9 _ -", ErrInvalid)
	}
	return TenantID(s), nil
}

// Validate reports whether the id has the form ParseTenantID asks for.
func (t TenantID) Validate() error { _, err := ParseTenantID(string(t)); return err }

// NewJobID makes a time-ordered job id.
func NewJobID() JobID { return JobID(uuid.Must(uuid.NewV7()).String()) }

// ParseJobID checks that s is a UUID in its canonical text form.
func ParseJobID(s string) (JobID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.String() != s {
		return "", fmt.Errorf("job_id: %w: must be a lower-case UUID", ErrInvalid)
	}
	return JobID(s), nil
}

// ParseParticipant checks the form of a participant's name.
func ParseParticipant(s string) (Participant, error) {
	if !participantForm.MatchString(s) {
		return "", fmt.Errorf("service_name: %w: must be a lower-case letter, then up to 31 of a-z 0-9 _", ErrInvalid)
	}
	return Participant(s), nil
}
