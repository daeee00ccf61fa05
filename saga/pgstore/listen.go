package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// listenRetryDelay is the pause before Wait gives up on a database that cannot be listened to, and lets the caller look.
const listenRetryDelay = time.Second

func (s *Store) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // a wake-up is waiting already
	}
}

// Wait implements saga.Outbox. Our own commits wake it without a round trip; those of other stores by NOTIFY, through a
// connection that is opened by the first Wait, kept between them, and opened again when it breaks. While it is not open
// Wait returns after a second, so a relay that works after every Wait misses nothing.
func (s *Store) Wait(ctx context.Context) error {
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.listener == nil {
		if err := s.listen(ctx); err != nil {
			return s.pause(ctx)
		}
		return ctx.Err() // what was committed before we listened was not heard
	}
	listening, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	heard := make(chan struct{})
	wg.Go(func() {
		defer close(heard)
		s.hear(listening)
	})
	select {
	case <-s.wake:
	case <-heard:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// listen opens a connection of its own with the pool's settings.
func (s *Store) listen(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("pgstore: listen: %w", err)
	}
	var cfg *pgx.ConnConfig
	err = conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("%T is not a connection of pgx", driverConn)
		}
		cfg = c.Conn().Config()
		cfg.OnNotification = nil // the copy's would hand our notifications to the connection it was copied from
		return nil
	})
	if err := errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("pgstore: listen: %w", err)
	}
	listener, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("pgstore: listen: %w", err)
	}
	if _, err := listener.Exec(ctx, "LISTEN "+channel); err != nil {
		_ = listener.Close(ctx)
		return fmt.Errorf("pgstore: listen: %w", err)
	}
	s.listener = listener
	return nil
}

// hear returns when another store has notified us, when the connection broke, or when ctx ended.
func (s *Store) hear(ctx context.Context) {
	for {
		n, err := s.listener.WaitForNotification(ctx)
		switch {
		case err == nil && n.Payload == s.name:
			continue // our own commit; wake has said so
		case s.listener.IsClosed():
			s.listener = nil
		}
		return
	}
}

func (s *Store) pause(ctx context.Context) error {
	timer := time.NewTimer(listenRetryDelay)
	defer timer.Stop()
	select {
	case <-s.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
