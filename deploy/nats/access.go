package natsdeploy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
)

// APIPrefix is what the JetStream API is called in every account but the coordinator's: bus.Config.APIPrefix of its clients.
const APIPrefix = "TD.API"

// The users that stand for no service, by the names of their keys.
const (
	UserBreakGlass  = "breakglass" // only when Access.BreakGlass
	UserCoordinator = "coordinator"
	UserMonitor     = "monitor"
	UserOperator    = "operator"
	UserProvisioner = "provisioner"
)

// Access says who may use the broker. Each of them has an account of its own: what one of them forges stays in its account.
type Access struct {
	// Awaiters ask for deletions, and read the events of TD_EVENTS as client.Await and client.Look do. Users await_<name>.
	Awaiters []events.Participant
	// BreakGlass adds a user that may use the whole JetStream API: delete, restore, move. Its seed stays offline.
	BreakGlass bool
	// Downstream must hear of every finished deletion at least once, as in Topology. Users down_<name>.
	Downstream []string
	// Keys are the public keys of each user, by its name: one, or two while one replaces the other. A text that begins with $
	// is a variable of the server's configuration.
	Keys map[string][]string
	// Listeners hear tenant.deleted while they listen. Users hear_<name>.
	Listeners []string
	// Participants delete. Users svc_<name>.
	Participants []events.Participant
	// Requesters ask for deletions, each for its own source. Users req_<name>.
	Requesters []events.Participant
}

// ErrKeys is matched when a user has no key, more than two, or one that is no public key.
var ErrKeys = errors.New("want one public key, or two while one replaces the other")

const keysMax = 2

var keyForm = regexp.MustCompile(`^(U[A-Z2-7]{55}|\$[A-Z][A-Z0-9_]*)$`)

// Users are the names of all users, in the order of Config.
func (a Access) Users() ([]string, error) {
	clients, err := a.clients()
	if err != nil {
		return nil, err
	}
	names := []string{UserMonitor}
	for _, c := range clients {
		names = append(names, c.user)
	}
	return names, nil
}

// AccessOf is the access of users by their names, in the order in which Config writes them.
func AccessOf(users []string) (Access, error) {
	var a Access
	for _, user := range slices.Sorted(slices.Values(users)) {
		role, name, _ := strings.Cut(user, "_")
		switch role {
		case "await":
			a.Awaiters = append(a.Awaiters, events.Participant(name))
		case "down":
			a.Downstream = append(a.Downstream, name)
		case "hear":
			a.Listeners = append(a.Listeners, name)
		case "svc":
			a.Participants = append(a.Participants, events.Participant(name))
		case "req":
			a.Requesters = append(a.Requesters, events.Participant(name))
		case UserBreakGlass:
			a.BreakGlass = true
		case UserCoordinator, UserMonitor, UserOperator, UserProvisioner:
		default:
			return Access{}, fmt.Errorf("natsdeploy: access: %q is no user's name", user)
		}
	}
	return a, a.validate()
}

// validate checks names; a name that is given twice would be an account with two definitions.
func (a Access) validate() error {
	for _, name := range slices.Concat(a.Participants, a.Requesters, a.Awaiters) {
		if _, err := events.ParseParticipant(string(name)); err != nil {
			return fmt.Errorf("natsdeploy: access: participant or requester: %w", err)
		}
	}
	for _, p := range a.Participants {
		if taken(string(p)) {
			return fmt.Errorf("natsdeploy: access: participant %s: a consumer of somebody else has this name", p)
		}
	}
	for _, name := range slices.Concat(a.Downstream, a.Listeners) {
		if !downstreamForm.MatchString(name) {
			return errors.New("natsdeploy: access: downstream or listener: must be a lower-case letter, then up to 31 of a-z 0-9 _")
		}
	}
	return nil
}

// taken reports whether a participant's consumer would be that of the coordinator or of a subscriber.
func taken(participant string) bool {
	return slices.Contains([]string{events.ConsumerIntake, events.ConsumerResults, events.ConsumerDead}, participant) ||
		strings.HasPrefix(participant, DownstreamConsumer(""))
}

// client is one user, in an account of its own unless it is in the one that owns the streams.
type client struct {
	user    string
	owner   bool
	inboxes []string
	asks    []request // what it may publish, because the coordinator's account takes it
	says    []string  // what it may publish, and the coordinator's account hears
	serves  []request // what it answers
	hears   []string  // what it may subscribe to, of the coordinator's account
	tapped  []string  // what the operator hears of it: what is imported is not exported again
	answers bool      // it may reply to whoever asked
	taps    []string  // what it may subscribe to, of those that are tapped
}

// request is a subject that is asked, or said, in the coordinator's account.
type request struct {
	subject string
	many    bool // more than one answer may come
}

func ask(subjects ...string) (all []request) {
	for _, subject := range subjects {
		all = append(all, request{subject: subject})
	}
	return all
}

func (c client) account() string { return strings.ToUpper(c.user) }

// clients are all users but the system account's.
func (a Access) clients() ([]client, error) {
	if err := a.validate(); err != nil {
		return nil, err
	}
	clients := []client{a.coordinator(), a.operator(), provisioner()}
	if a.BreakGlass {
		clients = append(clients, client{user: UserBreakGlass, owner: true, inboxes: []string{inbox(UserBreakGlass)},
			asks: ask("$JS.API.>", "$JS.SNAPSHOT.>")})
	}
	for _, p := range a.Participants {
		clients = append(clients, participant(p))
	}
	for _, name := range a.Requesters {
		clients = append(clients, requester("req_", name))
	}
	for _, name := range a.Awaiters {
		clients = append(clients, awaiter(name))
	}
	for _, name := range a.Downstream {
		clients = append(clients, downstream(name))
	}
	for _, name := range a.Listeners {
		clients = append(clients, client{user: "hear_" + name, hears: []string{events.SubjectDeletedPlain}})
	}
	seen := map[string]bool{}
	for _, c := range clients {
		if seen[c.user] {
			return nil, fmt.Errorf("natsdeploy: access: %s is named twice", c.user)
		}
		seen[c.user] = true
	}
	return clients, nil
}

func inbox(name string) string { return "_INBOX_" + name + ".>" }
