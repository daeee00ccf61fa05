package httpapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
)

// ActorHeader says who asks, where nobody checks it.
const ActorHeader = "Td-Actor"

// localActor is who asks on one machine without saying so.
const localActor = "local"

// LoopbackAuthoriser lets everybody on this machine do everything, and nobody else anything. The caller's subject is what the
// header Td-Actor says, or local. It is for one machine, until tokens are configured: whoever can open a connection from this
// machine may delete every tenant. Requests that a proxy forwarded are refused, because then everybody would seem to be here,
// and so are those that a page of another site made a browser send.
type LoopbackAuthoriser struct{}

var _ Authoriser = LoopbackAuthoriser{}

var crossOrigin = http.NewCrossOriginProtection()

// Authorise implements Authoriser.
func (LoopbackAuthoriser) Authorise(_ context.Context, a Access) (Caller, error) {
	peer, err := netip.ParseAddrPort(a.Request.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return Caller{}, fmt.Errorf("loopback: %w: the peer is on another machine", ErrUnauthenticated)
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if a.Request.Header.Get(header) != "" {
			return Caller{}, fmt.Errorf("loopback: %w: a proxy forwarded the request", ErrUnauthenticated)
		}
	}
	if !isLoopbackHost(a.Request.Host) || crossOrigin.Check(a.Request) != nil {
		return Caller{}, fmt.Errorf("loopback: %w: another site made the request", ErrForbidden)
	}
	everything := Caller{Subject: localActor, Roles: Roles{RoleAdmin}, Scopes: AllScopes()}
	actors := a.Request.Header.Values(ActorHeader)
	switch {
	case len(actors) == 0:
		return everything, nil
	case len(actors) > 1 || !keyForm.MatchString(actors[0]):
		return Caller{}, fmt.Errorf("loopback: %w: the actor has not the form of requested_by", ErrUnauthenticated)
	}
	everything.Subject = actors[0]
	return everything, nil
}

// isLoopbackHost keeps names away that another site made point here.
func isLoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
