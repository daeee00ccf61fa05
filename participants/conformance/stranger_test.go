package conformance_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

// flaw is what a stranger does wrong; none is the empty one.
type flaw string

const (
	acksFirst      flaw = "acknowledges before it deletes"
	zeroOnRepeat   flaw = "answers a repeat with zero"
	deletesOnLook  flaw = "deletes on a preview"
	trustsAll      flaw = "verifies no signature"
	neverExpires   flaw = "ignores the expiry"
	answersForAll  flaw = "answers for another participant"
	naksPlainly    flaw = "hands bad messages back at once"
	newIDs         flaw = "makes a new id for every result"
	crashesOnTrash flaw = "crashes on malformed input"
	forgetsTenants flaw = "deletes the rows of tenants with a common beginning"
	foldsCase      flaw = "reads ids in any case"
	ignoresNames   flaw = "acts for commands that name others"
	noGeneration   flaw = "keeps no generation"
	termsSilently  flaw = "terminates without a reason"
	waitsForNobody flaw = "does not wait for the stream's answer"
	countsTwice    flaw = "deletes again for another attempt"
	anyMajor       flaw = "reads every version"
)

const strangerName events.Participant = "stranger"

// stranger is a participant that was written from the protocol, with the engine of nobody. Its rows are in memory.
type stranger struct {
	testing.TB
	flaw    flaw
	nc      *nats.Conn
	js      jetstream.JetStream
	trusted events.PublicKey

	mu          sync.Mutex
	rows        map[events.TenantID]map[string]int64
	receipts    map[events.JobID]*events.Result
	generations map[events.TenantID]int
}

// startStranger takes part until the test ends.
func startStranger(t *testing.T, b broker, f flaw) *stranger {
	t.Helper()
	s := &stranger{TB: t, flaw: f, nc: b.connect(t, "_INBOX_"+string(strangerName)), trusted: b.signer.PublicKey(),
		rows: map[events.TenantID]map[string]int64{}, receipts: map[events.JobID]*events.Result{},
		generations: map[events.TenantID]int{}}
	var err error
	s.js, err = jetstream.New(s.nc)
	require.NoError(t, err)
	consumer, err := s.js.Consumer(t.Context(), events.StreamEvents, string(strangerName))
	require.NoError(t, err)
	service, err := micro.AddService(s.nc, micro.Config{Name: events.ServiceName(strangerName), Version: "1.2.3"})
	require.NoError(t, err)
	require.NoError(t, service.AddEndpoint("answer", micro.HandlerFunc(s.preview),
		micro.WithEndpointSubject(events.PreviewSubject(strangerName))))
	deliveries, err := consumer.Messages(jetstream.PullMaxMessages(1))
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			msg, err := deliveries.Next()
			if errors.Is(err, jetstream.ErrMsgIteratorClosed) || s.nc.IsClosed() {
				return
			}
			if err == nil {
				s.handle(msg)
			}
		}
	})
	t.Cleanup(func() { deliveries.Stop(); running.Wait() })
	return s
}

// Seed is a Config's.
func (s *stranger) Seed(_ context.Context, tenant events.TenantID) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows[tenant] == nil {
		s.rows[tenant] = map[string]int64{}
	}
	s.rows[tenant]["loaves"] += 3
	s.rows[tenant]["ovens"]++
	return map[string]int64{"loaves": 3, "ovens": 1}, nil
}

// count is every place of a tenant, zero included.
func (s *stranger) count(tenant events.TenantID) map[string]int64 {
	counts := map[string]int64{"loaves": 0, "ovens": 0}
	for other, rows := range s.rows {
		near := s.flaw == forgetsTenants && strings.HasPrefix(string(other), string(tenant)) ||
			s.flaw == foldsCase && strings.EqualFold(string(other), string(tenant))
		if other != tenant && !near {
			continue
		}
		for table, n := range rows {
			counts[table] += n
		}
	}
	return counts
}

func (s *stranger) preview(r micro.Request) {
	if !strings.HasPrefix(r.Reply(), "_INBOX") {
		return
	}
	request, err := events.DecodePreviewRequest(r.Data())
	if err != nil {
		_ = r.Error("500", "not of the contract", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := events.EncodePreview(events.Preview{TenantID: request.TenantID, ServiceName: strangerName,
		Counts: s.count(request.TenantID)})
	if err != nil {
		_ = r.Error("500", "cannot answer", nil)
		return
	}
	if s.flaw == deletesOnLook {
		delete(s.rows, request.TenantID)
	}
	_ = r.Respond(body)
}

func (s *stranger) handle(msg jetstream.Msg) {
	m := events.Message{Subject: msg.Subject(), Header: map[string]string{}, Body: msg.Data()}
	for key := range msg.Headers() {
		m.Header[key] = msg.Headers()[key][0]
	}
	if s.flaw == anyMajor {
		m.Body = []byte(strings.Replace(string(m.Body), "requested:2.0", "requested:1.0", 1))
	}
	event, err := events.Decode(m)
	command, isCommand := event.Data.(*events.Command)
	switch {
	case (err != nil || !isCommand) && s.flaw == crashesOnTrash:
		s.nc.Close()
	case (err != nil || !isCommand) && s.flaw == naksPlainly:
		_ = msg.Nak()
	case err != nil || !isCommand:
		s.terminate(msg, "not of the contract")
	case !command.Names(strangerName) && s.flaw != ignoresNames:
		_ = msg.DoubleAck(context.Background())
	case s.flaw != trustsAll && s.flaw != anyMajor && events.Verify(m, s.trusted) != nil:
		s.terminate(msg, "not verified")
	case s.flaw != neverExpires && time.Now().After(command.ExpiresAt):
		s.terminate(msg, "expired")
	default:
		s.obey(msg, command, event.ID)
	}
}

func (s *stranger) terminate(msg jetstream.Msg, reason string) {
	if s.flaw == termsSilently {
		_ = msg.Term()
		return
	}
	_ = msg.TermWithReason(reason)
}

func (s *stranger) obey(msg jetstream.Msg, c *events.Command, request events.EventID) {
	if s.flaw == acksFirst {
		_ = msg.Ack()
	}
	result := *s.erase(c)
	result.Attempt, result.RequestID, result.Generation = c.Attempt, request, c.Generation
	if !s.publish(&result) {
		_ = msg.NakWithDelay(100 * time.Millisecond)
		return
	}
	if s.flaw == answersForAll {
		other := result
		other.ServiceName = "orders"
		s.publish(&other)
	}
	_ = msg.DoubleAck(context.Background())
}

func (s *stranger) erase(c *events.Command) *events.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	result := &events.Result{TenantID: c.TenantID, ServiceName: strangerName, Success: true, DeletedCounts: map[string]int64{},
		Errors: []events.Problem{}, Timestamp: time.Now().UTC(), JobID: c.JobID, Attempt: c.Attempt}
	receipt := s.receipts[c.JobID]
	again := c.EraseAgain && receipt != nil && c.Attempt > receipt.Attempt
	if receipt != nil && !again && (s.flaw != countsTwice || c.Attempt == receipt.Attempt) {
		repeat := *receipt
		repeat.Replayed = true
		if s.flaw == zeroOnRepeat {
			repeat.DeletedCounts = map[string]int64{}
		}
		return &repeat
	}
	if c.Generation < s.generations[c.TenantID] && s.flaw != noGeneration {
		result.Success, result.Errors = false, []events.Problem{{Code: "stale_generation", Detail: "erased before"}}
		return result
	}
	result.DeletedCounts = s.count(c.TenantID)
	if again {
		for table, n := range receipt.DeletedCounts {
			result.DeletedCounts[table] += n
		}
	}
	delete(s.rows, c.TenantID)
	s.generations[c.TenantID], s.receipts[c.JobID] = c.Generation, result
	return result
}

// publish waits for the stream's answer.
func (s *stranger) publish(result *events.Result) bool {
	id := events.EventIDFor(result.JobID, events.TypeResult, result.ServiceName, 0, result.Attempt)
	if s.flaw == newIDs {
		id = events.EventID(rand.Text())
	}
	m, err := events.Encode(events.Event{ID: id, Source: "/participants/" + string(result.ServiceName), Type: events.TypeResult,
		Subject: result.TenantID, Time: result.Timestamp, Data: result})
	if err != nil {
		s.Errorf("encode a result: %v", err)
		return false
	}
	msg := nats.NewMsg(m.Subject)
	for key, value := range m.Header {
		msg.Header[key] = []string{value}
	}
	msg.Data = m.Body
	if s.flaw == waitsForNobody {
		return s.nc.PublishMsg(msg) == nil
	}
	_, err = s.js.PublishMsg(context.Background(), msg)
	return err == nil
}
