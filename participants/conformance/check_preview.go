package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/bakery-ia/tenant-deletion/events"
)

var semver = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$`)

func discovery(ctx context.Context, w *world) (string, error) {
	pings, err := w.instances(ctx, 1)
	if err != nil || len(pings) == 0 {
		return "", errors.Join(ErrSilent, err)
	}
	p := pings[0]
	if p.Type != micro.PingResponseType || p.ID == "" || !semver.MatchString(p.Version) {
		return "", errors.New("the ping's answer lacks its type, an id or a semantic version")
	}
	subject, err := micro.ControlSubject(micro.InfoVerb, p.Name, p.ID)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, w.AnswerTimeout)
	defer cancel()
	msg, err := w.Conn.RequestWithContext(ctx, subject, nil)
	if err != nil {
		return "", fmt.Errorf("info of the instance that answered the ping: %w", err)
	}
	var info micro.Info
	if err := json.Unmarshal(msg.Data, &info); err != nil || info.Type != micro.InfoResponseType || info.Name != p.Name {
		return "", errors.New("the info's answer lacks its type or its name")
	}
	if !slices.ContainsFunc(info.Endpoints, func(e micro.EndpointInfo) bool {
		return e.Subject == events.PreviewSubject(w.Participant)
	}) {
		return "", errors.New("the info names no endpoint on " + events.PreviewSubject(w.Participant))
	}
	return "", nil
}

func previewExact(ctx context.Context, w *world) (string, error) {
	tenant, before, err := w.seeded(ctx)
	if err != nil {
		return "", err
	}
	for range 2 {
		if err := w.untouched(ctx, tenant, before); err != nil {
			return "", err
		}
	}
	var empty []string
	for place, n := range before {
		if n == 0 {
			empty = append(empty, place)
		}
	}
	if slices.Sort(empty); len(empty) > 0 {
		return fmt.Sprintf("nothing is seeded in %v, so nothing is tested there", empty), nil
	}
	return "", nil
}

func previewAbsent(ctx context.Context, w *world) (string, error) {
	found, err := w.preview(ctx, w.tenant())
	if err != nil {
		return "", err
	}
	if total(found) != 0 {
		return "", fmt.Errorf("the preview counts %v", found)
	}
	for place := range w.neighbourCounts {
		if _, there := found[place]; !there {
			return "", fmt.Errorf("the preview does not name %s", place)
		}
	}
	return "", nil
}

func previewStrict(ctx context.Context, w *world) (string, error) {
	tenant, before, err := w.seeded(ctx)
	if err != nil {
		return "", err
	}
	id := string(tenant)
	wrong := map[string]string{
		"no JSON": `{"tenant_id":`, "no tenant": `{}`, "null": `{"tenant_id":null}`,
		"an id that is none": `{"tenant_id":"a.b"}`, "an unknown key": `{"tenant_id":"` + id + `","all":true}`,
		"a key twice": `{"tenant_id":"` + id + `","tenant_id":"` + id + `"}`,
	}
	for _, what := range slices.Sorted(maps.Keys(wrong)) {
		msg, err := w.previewRaw(ctx, []byte(wrong[what]))
		if err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		if msg.Header.Get(micro.ErrorHeader) == "" {
			return "", fmt.Errorf("%s: answered as if it were a request", what)
		}
	}
	return "", w.untouched(ctx, tenant, before)
}

func previewReply(ctx context.Context, w *world) (string, error) {
	foreign := "conformance." + nats.NewInbox()[len("_INBOX."):]
	sub, err := w.Conn.SubscribeSync(foreign)
	if err != nil {
		return "", err
	}
	defer func() { _ = sub.Unsubscribe() }()
	body, err := events.EncodePreviewRequest(events.PreviewRequest{TenantID: w.neighbour})
	if err != nil {
		return "", err
	}
	if err := w.Conn.PublishRequest(events.PreviewSubject(w.Participant), foreign, body); err != nil {
		return "", err
	}
	for range 3 { // who answers these has had the time to answer the first
		if _, err := w.preview(ctx, w.neighbour); err != nil {
			return "", err
		}
	}
	if waiting, _, err := sub.Pending(); err != nil || waiting > 0 {
		return "", errors.Join(err, errors.New("a preview was sent to a subject that is no inbox"))
	}
	return "", nil
}
