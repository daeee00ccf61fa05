package app

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
	"github.com/bakery-ia/tenant-deletion/saga/runner"
)

// tenantService is the participant that has the tenants themselves.
const tenantService = "tenants"

// newAPI makes the API of a coordinator, with the routes of every service and of the tenant service.
func (p *Platform) newAPI(engine *runner.Runner) error {
	cfg := coordinatorAPI(engine, p.cfg.Logger, ready(p.pools[tenantService], p.bus))
	cfg.Audit = p.trail
	cfg.Services = services{running: p.Participant}
	cfg.Tenants = tenants{tenancy.New(p.pools[tenantService])}
	cfg.Ready = p.gate.readyWith(cfg.Ready)
	api, err := httpapi.New(p.gate.authoriser, cfg)
	if err != nil {
		return err
	}
	if before := p.api.Swap(api); before != nil {
		before.EndStreams()
	}
	return nil
}

// openGate lets in who brings a token of the platform's own issuer.
func (p *Platform) openGate() (err error) {
	if p.issuer, err = makeLocalIssuer(p.folders.root); err != nil {
		return err
	}
	if p.gate, err = p.issuer.auth().open(tenancy.New(p.pools[tenantService]), p.cfg.Logger); err != nil {
		return err
	}
	p.opened.add(func() error { p.gate.close(); return nil })
	return nil
}

// Token makes a token for the platform's API.
func (p *Platform) Token(t LocalToken) (string, error) { return p.issuer.Mint(t) }

// startHTTP serves the newest coordinator's API, also while that is stopped.
func (p *Platform) startHTTP() (err error) {
	newest := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.api.Load().ServeHTTP(w, r) })
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.cfg.HTTPPort))
	p.served, err = listenHTTP("--http-port", addr, p.issuer.auth(), newest, func() { p.api.Load().EndStreams() })
	if err != nil {
		return err
	}
	p.served.logTo(p.cfg.Logger)
	p.serving = p.run(p.served.serve)
	return p.issuer.lay(issuerURLFile, []byte(p.URL()))
}

func (p *Platform) stopHTTP() {
	if p.serving != nil {
		_ = os.Remove(filepath.Join(p.folders.root, issuerURLFile)) // the next start says it anew
	}
	p.serving.stop()
}

// URL is where the API is served on this machine.
func (p *Platform) URL() string { return "http://" + p.served.addr() }
