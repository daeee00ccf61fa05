package app

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
)

// openService opens the pool of a service; it stays open while its participant is stopped.
func (p *Platform) openService(ctx context.Context, name events.Participant) error {
	declared, err := bakery.ByName(string(name))
	if err != nil {
		return err
	}
	pool := servicePool(declared, p.cfg.Workers)
	if p.cfg.ConnsMax > 0 {
		pool.ConnsMax = p.cfg.ConnsMax
	}
	db, err := openDatabase(ctx, p.database.dsn(string(name)), pool)
	if err != nil {
		return err
	}
	p.opened.add(db.Close)
	p.pools[name] = db
	return nil
}

// StartParticipant starts a participant that is not running. A plan that does not fit the catalogue ends the platform: see
// Failed.
func (p *Platform) StartParticipant(name events.Participant) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	db, known := p.pools[name]
	switch {
	case !known:
		return fmt.Errorf("app: start participant: %s is none of the platform's", name)
	case p.stopped:
		return fmt.Errorf("app: start participant %s: the platform was stopped", name)
	case p.running[name] != nil:
		return nil
	}
	part, err := p.newParticipant(name, db)
	if err != nil {
		return err
	}
	p.parts[name], p.running[name] = part, p.run(part.Run)
	return nil
}

func (p *Platform) newParticipant(name events.Participant, db *bun.DB) (*participants.Runner, error) {
	declared, err := bakery.ByName(string(name))
	if err != nil {
		return nil, err
	}
	service, err := newService(declared, db, p.folders.files(), nil)
	if err != nil {
		return nil, err
	}
	return participants.New(service, p.shared, participants.Config{Logger: p.cfg.Logger,
		TrustedKeys: []events.PublicKey{p.signer.PublicKey()}, Workers: p.cfg.Workers})
}

// StopParticipant stops a participant and waits for it; one that is not running is left alone.
func (p *Platform) StopParticipant(name events.Participant) {
	p.mu.Lock()
	r := p.running[name]
	delete(p.running, name)
	delete(p.parts, name)
	p.mu.Unlock()
	r.stop()
}

// Participant is a running participant, to preview or to erase without the bus; nil while it is stopped.
func (p *Platform) Participant(name events.Participant) *participants.Runner {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.parts[name]
}
