package natsdeploy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is one difference between the broker and the files.
type Change struct {
	// Asset is "stream TD_EVENTS" or "consumer TD_EVENTS/orders".
	Asset string
	// Field is the JSON name of the setting; empty when the whole asset is created.
	Field string
	// Have and Want are the setting's values as JSON; "" means not set.
	Have, Want string
}

// String is the change as one line.
func (c Change) String() string {
	if c.Field == "" {
		return "create " + c.Asset
	}
	return fmt.Sprintf("change %s: %s from %s to %s", c.Asset, c.Field, cmp.Or(c.Have, "unset"), cmp.Or(c.Want, "unset"))
}

// LiveError says that a change cannot be done while the broker keeps its data.
type LiveError struct {
	Change Change
	WayOut string
}

func (e *LiveError) Error() string {
	return fmt.Sprintf("natsdeploy: cannot %s on a live broker: %s", e.Change, e.WayOut)
}

// Ways out of changes that JetStream refuses. PostgreSQL is the truth: the coordinator sends again what a new stream lacks.
const (
	streamWayOut = "keep the setting, or stop the coordinator and the participants, back the stream up " +
		"(nats stream backup), delete it, apply again, and start them: open jobs send their commands again"
	consumerWayOut = "keep the setting, or stop this consumer's program, delete the consumer (nats consumer rm), apply again, " +
		"and start it: it reads the stream from its beginning and answers repeats from its receipts"
	subscriberWayOut = "leave the start unset, which keeps the consumer and its place, or stop its program, delete the consumer " +
		"(nats consumer rm), apply again, and start it: it begins at the new start, and sees events again that it had seen"
)

// What nats-server refuses to change, by the JSON name of the setting.
var (
	streamSettled = map[string]bool{"storage": true, "retention": true, "max_consumers": true, "mirror": true, "sealed": true,
		"persist_mode": true, "allow_msg_counter": true, "first_seq": true}
	streamLatched   = map[string]bool{"deny_delete": true, "deny_purge": true, "allow_msg_ttl": true, "allow_msg_schedules": true}
	consumerSettled = map[string]bool{"durable_name": true, "name": true, "deliver_policy": true, "opt_start_seq": true,
		"opt_start_time": true, "ack_policy": true, "replay_policy": true, "mem_storage": true, "max_waiting": true,
		"deliver_subject": true, "flow_control": true, "idle_heartbeat": true}
)

// diff compares setting by setting, over the union of both sides.
func (a asset) diff() ([]Change, error) {
	if a.have == nil {
		return []Change{{Asset: a.name}}, nil
	}
	have, err := settings(a.have)
	if err != nil {
		return nil, fmt.Errorf("natsdeploy: read %s of the broker: %w", a.name, err)
	}
	want, err := settings(a.want)
	if err != nil {
		return nil, fmt.Errorf("natsdeploy: read %s of the files: %w", a.name, err)
	}
	var changes []Change
	fields := maps.Clone(have)
	maps.Copy(fields, want)
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if have[field] != want[field] {
			changes = append(changes, Change{Asset: a.name, Field: field, Have: have[field], Want: want[field]})
		}
	}
	return changes, nil
}

// check refuses what the broker would refuse half-way through.
func (a asset) check(changes []Change) error {
	for _, c := range changes {
		if a.settled[c.Field] || a.latched[c.Field] && c.Have == "true" {
			return &LiveError{Change: c, WayOut: a.wayOut}
		}
	}
	return nil
}

// settings flattens a configuration to its settings as JSON text; what is at its zero counts as unset, and what the
// server notes for itself (_nats. metadata) is left out.
func settings(config any) (map[string]string, error) {
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, err
	}
	if notes, ok := values["metadata"].(map[string]any); ok {
		maps.DeleteFunc(notes, func(key string, _ any) bool { return strings.HasPrefix(key, "_nats.") })
	}
	out := map[string]string{}
	for field, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		switch string(text) {
		case "null", "0", "false", `""`, "{}", "[]":
		default:
			out[field] = string(text)
		}
	}
	return out, nil
}
