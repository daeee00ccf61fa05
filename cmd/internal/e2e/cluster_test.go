package e2e

import (
	"cmp"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/cmd/internal/natscluster"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/client"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
)

const (
	// chaosEnv asks for the long run (make nats-chaos); without it a short one holds that the machinery works.
	chaosEnv   = "TD_CHAOS_SAGAS"
	chaosSagas = "12"
	killEvery  = 5 * time.Second
	chaosKills = 3 // of the short run; the long one goes on until the last saga has ended
	submitters = 8
	// chaosPatience is above an election (4 to 9 s): who asks again sooner adds to the load that is to be survived.
	chaosPatience = 20 * time.Second
	// chaosTimeout bounds the run; it is a limit for the broken case, not a measure.
	chaosTimeout = 10 * time.Minute
)

// newCluster starts three nodes as processes. They run without the race detector: it would be the slowest part of the cluster.
func newCluster(t *testing.T) *natscluster.Cluster {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "erasectl")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../erasectl").CombinedOutput()
	require.NoError(t, err, string(out))
	cluster, err := natscluster.New(natscluster.Config{Access: staff(), Binary: binary, Dir: t.TempDir(), Port: freePort(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Stop()) })
	require.NoError(t, cluster.Start(t.Context(), topology()))
	return cluster
}

// portsGiven is how many tests of this process have asked for ports, which they use only later.
var portsGiven atomic.Int32

// freePort is the first of nine ports that nobody used a moment ago, below those that the system gives away by itself.
func freePort(t *testing.T) int {
	t.Helper()
	const apart = 300
	for port := 20000 + os.Getpid()%1000 + apart*int(portsGiven.Add(1)); port < 22000; port += 3 {
		free := true
		for _, offset := range []int{0, 1, 2, 2000, 2001, 2002, 4000, 4001, 4002} {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+offset)))
			if err != nil {
				free = false
				break
			}
			_ = l.Close()
		}
		if free {
			return port
		}
	}
	require.FailNow(t, "no nine free ports")
	return 0
}

// E7: of three nodes one is killed every five seconds, and comes back, while sagas run.
func TestClusterLosesNodesAndNoSaga(t *testing.T) {
	t.Parallel()
	sagas, err := strconv.Atoi(cmp.Or(os.Getenv(chaosEnv), chaosSagas))
	require.NoError(t, err)
	limit := chaosKills
	if os.Getenv(chaosEnv) != "" {
		limit = 0
	}
	cluster := newCluster(t)
	s := newStackWith(t, sagas+1, pgtest.New(t, lines()...).DSN, cluster)
	s.run("coordinator", func(ctx context.Context) error {
		cfg := s.coordinatorConfig()
		cfg.Policy.Patience = chaosPatience
		return app.RunCoordinator(ctx, cfg)
	})
	s.participants()
	for _, entry := range app.ReferenceRoster() {
		until(t, string(entry.Participant)+" to be ready", func() bool { return s.serves(entry.Participant) })
	}
	neighbour, gone := s.tenants[sagas], s.tenants[:sagas]
	before := s.counts(neighbour)
	ctx, cancel := context.WithTimeout(t.Context(), chaosTimeout)
	defer cancel()

	began := time.Now()
	kills := s.killing(ctx, cluster, limit)
	s.submitAll(ctx, gone)
	submitted := time.Since(began)
	for _, tenant := range gone {
		s.endOf(ctx, tenant)
	}
	took := time.Since(began)
	killed := kills()
	until(t, "the nodes to find each other again", s.settled)

	again := 0
	for _, tenant := range gone {
		job := s.job(tenant)
		require.Equal(t, saga.StateCompleted, job.State)
		s.exact(job)
		for _, step := range job.Steps {
			again += step.Attempt - 1
		}
	}
	s.relayed()
	for _, tenant := range gone {
		require.Equal(t, 1, s.stored(string(events.TypeDeleted)+"."+string(tenant)), "announced once")
	}
	jobs, err := s.store.Jobs(ctx, saga.Filter{Limit: 2 * sagas})
	require.NoError(t, err)
	require.Len(t, jobs, sagas, "a job for each request, and no other")
	for letter := range strings.SplitSeq(s.buried(), "\n") { // of a request that was settled just before its queue lost its leader
		require.Contains(t, []string{"", "coordinator_intake: Unacknowledged message was deleted"}, letter)
	}
	require.Equal(t, before, s.counts(neighbour))
	t.Logf("%d sagas in %s under %d kills (all submitted after %s, %d commands sent again)", sagas,
		took.Round(time.Millisecond), killed, submitted.Round(time.Millisecond), again)
}

// killing kills and restarts one node after the other until the returned function is called, which says how many. With a limit it
// ends by itself, and the function waits for that.
func (s *stack) killing(ctx context.Context, cluster *natscluster.Cluster, limit int) (stop func() int) {
	killed, done := 0, make(chan struct{})
	killing, enough := context.WithCancel(ctx)
	go func() {
		defer close(done)
		tick := time.NewTicker(killEvery)
		defer tick.Stop()
		for killing.Err() == nil {
			node := cluster.Node(killed % natscluster.Nodes)
			node.Kill()
			if killed++; node.Start() != nil {
				s.t.Error("a node does not start again")
				return
			}
			if killed == limit {
				return
			}
			select {
			case <-tick.C:
			case <-killing.Done():
			}
		}
	}()
	return func() int {
		if limit == 0 {
			enough()
		}
		<-done
		enough()
		return killed
	}
}

// settled reports whether every replica of the events has what its leader has.
func (s *stack) settled() bool {
	stream, err := s.jetStream().Stream(s.t.Context(), events.StreamEvents)
	if err != nil {
		return false
	}
	cluster := stream.CachedInfo().Cluster
	for _, replica := range cluster.Replicas {
		if !replica.Current {
			return false
		}
	}
	return cluster.Leader != "" && len(cluster.Replicas) == natscluster.Nodes-1
}

// submitAll asks for every tenant as a program does: again, as long as a repeat may help.
func (s *stack) submitAll(ctx context.Context, tenants []events.TenantID) {
	s.t.Helper()
	asker := s.connectAs("await_e2e", "e2e")
	todo := make(chan events.TenantID)
	var group sync.WaitGroup
	for range submitters {
		group.Go(func() {
			for tenant := range todo {
				for {
					_, err := client.Submit(ctx, asker, submission(tenant, "chaos-"+string(tenant)))
					if err == nil {
						break
					}
					if !client.Repeat(err) || ctx.Err() != nil {
						s.t.Errorf("submit: %v", err)
						break
					}
				}
			}
		})
	}
	for _, tenant := range tenants {
		todo <- tenant
	}
	close(todo)
	group.Wait()
}

// endOf waits until a job is completed, for as long as the run may take.
func (s *stack) endOf(ctx context.Context, tenant events.TenantID) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.job(tenant).State != saga.StateCompleted {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.FailNow(s.t, "not all sagas ended", "the first is in state %s", s.job(tenant).State)
		}
	}
}

// The command as a person types it: it says how to connect, refuses a second one, and leaves nothing behind.
func TestClusterCommand(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	s := &stack{t: t}
	start := func(dir string) *process {
		return s.start("erasectl", nil, "nats", "cluster", "--data-dir", dir, "--port", strconv.Itoa(port),
			"--participants", "orders,tenants")
	}
	said := func(p *process, word string) bool {
		text, err := os.ReadFile(p.log.Name())
		return err == nil && strings.Contains(string(text), word)
	}
	gone := func() bool {
		for _, offset := range []int{0, 1, 2} {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+offset)))
			if err != nil {
				return false
			}
			_ = l.Close()
		}
		return true
	}
	first := start(dir)
	until(t, "the cluster to run", func() bool { return said(first, "running") || first.died() })
	require.True(t, said(first, "--nats-seed-file"), "how to connect")

	again := start(dir)
	until(t, "the second one to be refused", again.died)
	require.Equal(t, app.ExitConflict, again.cmd.ProcessState.ExitCode())
	require.True(t, said(again, "in use by process"))
	elsewhere := start(t.TempDir())
	until(t, "one on the same ports to be refused", elsewhere.died)
	require.Equal(t, app.ExitConflict, elsewhere.cmd.ProcessState.ExitCode())
	require.True(t, said(elsewhere, "--port"))

	require.NoError(t, first.cmd.Process.Signal(os.Interrupt))
	until(t, "Ctrl-C to end it", first.died)
	require.Zero(t, first.cmd.ProcessState.ExitCode())
	require.True(t, gone(), "the nodes have ended with it")

	second := start(dir)
	until(t, "the cluster to run again", func() bool { return said(second, "running") || second.died() })
	second.kill()
	until(t, "the nodes to end, although nobody told them", gone)
}
