package e2e

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/digest"
)

// withSearchPath makes a DSN whose unqualified names are the schema's.
func withSearchPath(dsn, schema string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// ask previews a participant over the bus.
func (s *stack) ask(name events.Participant, tenant events.TenantID) (events.Preview, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	body, err := json.Marshal(events.PreviewRequest{TenantID: tenant})
	if err != nil {
		return events.Preview{}, err
	}
	answer, err := s.reader.Request(ctx, events.Message{Subject: events.PreviewSubject(name), Body: body})
	if err != nil {
		return events.Preview{}, err
	}
	var p events.Preview
	return p, json.Unmarshal(answer.Body, &p)
}

// serves reports whether the participant answers previews: its plan has passed and its consumer is bound.
func (s *stack) serves(name events.Participant) bool {
	_, err := s.ask(name, s.tenants[0])
	return err == nil
}

// counts previews the tenant everywhere.
func (s *stack) counts(tenant events.TenantID) map[events.Participant]participants.Counts {
	s.t.Helper()
	all := map[events.Participant]participants.Counts{}
	for _, entry := range app.ReferenceRoster() {
		p, err := s.ask(entry.Participant, tenant)
		require.NoError(s.t, err)
		require.Nil(s.t, p.Error)
		all[entry.Participant] = p.Counts
	}
	return all
}

func (s *stack) digestOf(name events.Participant) digest.Digests {
	s.t.Helper()
	d, err := digest.Of(s.t.Context(), s.db, digest.Scope{Schema: string(name)})
	require.NoError(s.t, err)
	return d
}

// receipts are all stored receipts, as text.
func (s *stack) receipts() map[events.Participant]string {
	s.t.Helper()
	all := map[events.Participant]string{}
	for _, entry := range app.ReferenceRoster() {
		var text string
		err := s.db.QueryRowContext(s.t.Context(), `SELECT coalesce(string_agg(r::text, E'\n' ORDER BY r::text), '') FROM `+
			string(entry.Participant)+`.td_receipts r`).Scan(&text)
		require.NoError(s.t, err)
		all[entry.Participant] = text
	}
	return all
}

// rewind makes a consumer deliver everything that is stored once more.
func (s *stack) rewind(js jetstream.JetStream, st jetstream.Stream, consumer string) error {
	first := st.CachedInfo().State.FirstSeq
	_, err := js.ResetConsumerToSequence(s.t.Context(), st.CachedInfo().Config.Name, consumer, first)
	return err
}
