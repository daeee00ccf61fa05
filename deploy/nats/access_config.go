package natsdeploy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Limits of the accounts.
const (
	ownerAccount    = "TD"
	systemAccount   = "SYS"
	streamsMax      = 8     // three, and room for those of a restore
	consumersMax    = 256   // one for each participant and subscriber, and the coordinator's
	answerExpires   = "30s" // a preview counts large tables
	connectionsMax  = 64    // of one account: replicas, and those that are being replaced
	subscriptionMax = 256   // of one client: a participant has some twenty
)

const configHead = `# Made by erasectl nats accounts: change who is on the broker there, not here.
# A user is known by its public keys and has an account of its own. What is not granted is denied.
`

// Config is the server's configuration of all accounts: users, permissions, exports and imports. A user without a key is an
// error that matches ErrKeys.
func (a Access) Config() (string, error) {
	clients, err := a.clients()
	if err != nil {
		return "", err
	}
	w := &configWriter{keys: a.Keys}
	w.line("%s", configHead+"system_account: "+systemAccount+"\naccounts {")
	w.system()
	for _, c := range clients {
		if c.user != UserBreakGlass { // its account is the coordinator's
			w.account(c, clients)
		}
	}
	w.line("}")
	return w.text.String(), w.err
}

// configWriter writes accounts. The first user without keys is its error.
type configWriter struct {
	text strings.Builder
	keys map[string][]string
	err  error
}

func (w *configWriter) line(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

// system lets somebody look at servers and connections. It cannot stop, reload or move anything.
func (w *configWriter) system() {
	w.line("  %s {", systemAccount)
	w.line("    users: [")
	w.user(client{user: UserMonitor, inboxes: []string{inbox("monitor")},
		asks:  ask("$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.*", "$SYS.REQ.ACCOUNT.PING.*"),
		hears: []string{"$SYS.ACCOUNT.>", "$SYS.SERVER.>"}}, func(s string) string { return s })
	w.line("    ]\n  }")
}

func (w *configWriter) account(c client, all []client) {
	local, name, users := imported, c.account(), []client{c}
	if c.owner {
		local, name, users = func(subject string) string { return subject }, ownerAccount, owners(all)
	}
	w.line("  %s {", name)
	if c.owner {
		w.line("    jetstream { max_streams: %d, max_consumers: %d, max_bytes_required: true, cluster_traffic: owner }",
			streamsMax, consumersMax)
	}
	w.line("    limits { max_connections: %d, max_subscriptions: %d }", connectionsMax, subscriptionMax)
	w.line(`    default_permissions { publish { deny: ">" }, subscribe { deny: ">" } }`)
	w.line("    users: [")
	for _, user := range users {
		w.user(user, local)
	}
	w.line("    ]")
	if c.owner {
		w.ownerExports(all)
		w.ownerImports(all)
	} else {
		w.clientExports(c)
		w.clientImports(c, all)
	}
	w.line("  }")
}

func owners(all []client) (owners []client) {
	for _, c := range all {
		if c.owner {
			owners = append(owners, c)
		}
	}
	return owners
}

// imported is what a subject of the coordinator's account is called in the others.
func imported(subject string) string {
	if rest, ok := strings.CutPrefix(subject, "$JS.API."); ok {
		return APIPrefix + "." + rest
	}
	return subject
}

// user writes a user once for each of its keys.
func (w *configWriter) user(c client, local func(string) string) {
	keys := w.keys[c.user]
	wrong := func(key string) bool { return !keyForm.MatchString(key) }
	if len(keys) == 0 || len(keys) > keysMax || slices.ContainsFunc(keys, wrong) {
		w.err = cmp.Or(w.err, fmt.Errorf("natsdeploy: access: %s: %w", c.user, ErrKeys))
		return
	}
	for _, key := range keys {
		w.line("      { # %s", c.user)
		w.line("        nkey: %s", key)
		w.line("        permissions: {")
		w.grant("publish", c.publishes(local))
		w.grant("subscribe", c.subscribes())
		if c.answers {
			w.line("          allow_responses: { max: 1, expires: %q }", answerExpires)
		}
		w.line("        }\n      }")
	}
}

// grant writes what is allowed; nothing is everything denied.
func (w *configWriter) grant(verb string, subjects []string) {
	if len(subjects) == 0 {
		w.line(`          %s: { deny: [ ">" ] }`, verb)
		return
	}
	w.line("          %s: { allow: [", verb)
	for _, subject := range subjects {
		w.line("            %q", subject)
	}
	w.line("          ] }")
}

func (c client) publishes(local func(string) string) (subjects []string) {
	for _, r := range c.asks {
		subjects = append(subjects, local(r.subject))
	}
	return append(subjects, c.says...)
}

func (c client) subscribes() []string {
	subjects := slices.Concat(c.inboxes, c.hears, c.taps)
	for _, r := range c.serves {
		if !strings.HasPrefix(r.subject, "$SRV.") {
			subjects = append(subjects, r.subject)
		}
	}
	if len(c.serves) > 0 {
		subjects = append(subjects, "$SRV.>") // every instance has names of its own below it
	}
	return subjects
}

// ownerExports writes what the coordinator's account lets others ask and hear, each for those who may.
func (w *configWriter) ownerExports(all []client) {
	type export struct {
		line string
		to   []string
	}
	var order []string
	exports := map[string]*export{}
	add := func(key, line, to string) {
		if exports[key] == nil {
			exports[key] = &export{line: line}
			order = append(order, key)
		}
		exports[key].to = append(exports[key].to, to)
	}
	for _, c := range all {
		if c.owner {
			continue
		}
		for _, r := range c.asks {
			if !isDiscovery(r.subject) {
				add("service "+r.subject, r.export(), c.account())
			}
		}
		for _, subject := range c.hears {
			add("stream "+subject, fmt.Sprintf("stream: %q", subject), c.account())
		}
	}
	w.line("    exports: [")
	for _, key := range order {
		w.line("      { %s, accounts: [ %s ] }", exports[key].line, strings.Join(exports[key].to, ", "))
	}
	w.line("    ]")
}

// export is a request in a list of exports.
func (r request) export() string {
	line := fmt.Sprintf("service: %q", r.subject)
	if r.many {
		line += ", response_type: stream"
	}
	return line
}

func isDiscovery(subject string) bool { return strings.HasPrefix(subject, "$SRV.") }

// ownerImports writes what the coordinator asks the participants.
func (w *configWriter) ownerImports(all []client) {
	w.line("    imports: [")
	for _, c := range all {
		for _, r := range c.serves {
			w.service(c.account(), r.subject, r.subject)
		}
		for _, subject := range c.says {
			w.stream(c.account(), subject)
		}
	}
	w.line("    ]")
}

// clientExports writes what a client answers and says to the coordinator, and what the operator sees of it.
func (w *configWriter) clientExports(c client) {
	if len(c.serves)+len(c.says)+len(c.tapped) == 0 {
		return
	}
	operator := client{user: UserOperator}.account()
	w.line("    exports: [")
	for _, subject := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(c.says, c.tapped)))) {
		var to []string
		if slices.Contains(c.says, subject) {
			to = append(to, ownerAccount)
		}
		if slices.Contains(c.tapped, subject) {
			to = append(to, operator)
		}
		w.line("      { stream: %q, accounts: [ %s ] }", subject, strings.Join(to, ", "))
	}
	for _, r := range c.serves {
		to := ownerAccount
		if isDiscovery(r.subject) {
			to += ", " + operator
		}
		w.line("      { %s, accounts: [ %s ] }", r.export(), to)
	}
	w.line("    ]")
}

func (w *configWriter) clientImports(c client, all []client) {
	w.line("    imports: [")
	for _, r := range c.asks {
		from := ownerAccount
		if isDiscovery(r.subject) {
			from = servedBy(r.subject, all)
		}
		w.service(from, r.subject, imported(r.subject))
	}
	for _, subject := range c.hears {
		w.stream(ownerAccount, subject)
	}
	if c.user == UserOperator {
		for _, other := range all {
			for _, subject := range other.tapped {
				w.stream(other.account(), subject)
			}
		}
	}
	w.line("    ]")
}

func (w *configWriter) stream(from, subject string) {
	w.line("      { stream: { account: %s, subject: %q } }", from, subject)
}

// service writes an import; to is what its subject is called here.
func (w *configWriter) service(from, subject, to string) {
	if subject == to {
		w.line("      { service: { account: %s, subject: %q } }", from, subject)
		return
	}
	w.line("      { service: { account: %s, subject: %q }, to: %q }", from, subject, to)
}

func servedBy(subject string, all []client) string {
	for _, c := range all {
		if slices.ContainsFunc(c.serves, func(r request) bool { return r.subject == subject }) {
			return c.account()
		}
	}
	return ownerAccount
}
