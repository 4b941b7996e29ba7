// Command soak lets customers write and agents answer while plugins and the server are killed under their hands, and
// then checks that nothing acknowledged was lost, doubled or put out of order. It prints the seed of its choices and
// ends with a status other than 0 when anything is wrong.
//
// Start reading at run; customers.go, visitors.go and agents.go are the people, faults.go the killing, verdict.go the
// checks.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// plan is how much is done.
type plan struct {
	seed        uint64
	customers   int // of LINE
	messages    int // of theirs
	visitors    int // of the web chat
	words       int // messages of theirs; each may write 20 a minute
	agents      int
	pluginKills int
	serverKills int
	limit       time.Duration // of the whole
	settle      time.Duration // for what is on its way at the end
}

func main() {
	long := plan{customers: 200, messages: 20000, visitors: 80, words: 2000, agents: 10, pluginKills: 40, serverKills: 6, limit: 15 * time.Minute, settle: 3 * time.Minute}
	short := plan{customers: 100, messages: 6500, visitors: 40, words: 500, agents: 10, pluginKills: 10, serverKills: 2, limit: 4 * time.Minute, settle: time.Minute}
	brief := flag.Bool("short", false, "the short form, which a quiet machine finishes in less than a minute")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of all choices")
	binary := flag.String("binary", "", "the guichet binary; built when not given")
	keep := flag.String("keep", "", "a folder for the data, which is kept; a temporary one is removed")
	messages := flag.Int("messages", 0, "of LINE's customers, instead of the usual number")
	flag.Parse()
	p := long
	if *brief {
		p = short
	}
	p.seed = *seed
	if *messages > 0 {
		p.messages = *messages
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, p, *binary, *keep); err != nil {
		fmt.Fprintf(os.Stderr, "soak: FAILED (seed %d): %v\n", p.seed, err)
		cancel()
		os.Exit(1) //nolint:gocritic // cancel was called
	}
}

func run(ctx context.Context, p plan, binary, keep string) error {
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	started := time.Now()
	fmt.Printf("soak: seed %d, %d customers of LINE with %d messages, %d web visitors with %d, %d agents, %d plugin kills, %d server kills\n",
		p.seed, p.customers, p.messages, p.visitors, p.words, p.agents, p.pluginKills, p.serverKills)
	dir, err := harness.TempDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in the system's temporary folder
	if binary == "" {
		if binary, err = harness.Build(ctx, dir); err != nil {
			return err
		}
	}
	taken := newLedger()
	d, err := harness.Open(ctx, harness.Options{
		Binary: binary, Dir: keep,
		Config: harness.Config{
			Agents: p.agents, AgentCapacity: 1000, People: []harness.Person{harness.Supervisor}, OfferTimeout: "20s",
			More: chatConfig,
		},
		Line: linetest.Options{KeepPerUser: -1, OnSent: taken.sent},
	})
	if err != nil {
		return err
	}
	defer d.Close()
	s := &soak{
		plan: p, desk: d, ledger: taken, log: func(format string, args ...any) {
			fmt.Printf("%6.1fs "+format+"\n", append([]any{time.Since(started).Seconds()}, args...)...)
		},
		random: random(p.seed, 1),
	}
	return s.run(ctx)
}

// random makes the choices of one actor.
func random(seed, actor uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, actor)) }

// soak is one run.
type soak struct {
	plan   plan
	desk   *harness.Desk
	ledger *ledger
	log    func(format string, args ...any)
	random *rand.Rand // of the order of faults and of who writes; each actor has its own besides

	people   []*customer
	visitors []*visitor
	open     context.Context // while visitors' pages are open
}

func (s *soak) run(ctx context.Context) error {
	agents, err := s.desk.JoinAgents(ctx)
	if err != nil {
		return err
	}
	for n := range s.plan.customers {
		s.people = append(s.people, s.newCustomer(n))
	}
	for n := range s.plan.visitors {
		s.visitors = append(s.visitors, s.newVisitor(n))
	}
	var goHome context.CancelFunc
	s.open, goHome = context.WithCancel(ctx)
	defer goHome()
	// Slow enough that kills meet calls that are under way.
	s.desk.Line.Inject(linetest.Fault{Times: -1, Delay: 10 * time.Millisecond})

	working, stopAgents := context.WithCancel(ctx)
	defer stopAgents()
	finished := s.work(working, agents)

	faults := s.schedule()
	waves := len(faults) + 1 // the last one is calm
	left := load{messages: s.plan.messages, words: s.plan.words}
	for i := range waves {
		n := load{messages: left.messages / (waves - i), words: left.words / (waves - i)}
		left.messages, left.words = left.messages-n.messages, left.words-n.words
		var f fault
		if i < len(faults) {
			f = faults[i]
		}
		if err := s.wave(ctx, n, f); err != nil {
			return fmt.Errorf("wave %d: %w", i+1, err)
		}
	}
	s.log("all %d messages of LINE's customers and all %d of the visitors are acknowledged", s.ledger.acknowledged(), s.plan.words)
	stopAgents()
	if err := finished(); err != nil {
		return err
	}
	records, err := s.settled(ctx)
	if err != nil {
		return err
	}
	s.log("nothing is on its way any more")
	for _, v := range s.visitors {
		v.close()
	}
	if err := s.lookBack(ctx); err != nil {
		return err
	}
	s.log("all visitors have looked back")
	return s.verdict(ctx, records)
}

// settled waits until nothing is on its way any more.
func (s *soak) settled(ctx context.Context) (*harness.Records, error) {
	ctx, cancel := context.WithTimeout(ctx, s.plan.settle)
	defer cancel()
	for {
		records, err := s.desk.Export(ctx)
		if err == nil && records.Unsettled() == 0 {
			return records, nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = fmt.Errorf("outbox %v, spooled requests %d, media %d", records.Outbox, records.Count["spooled-request"], records.Count["fetch"])
			}
			return nil, fmt.Errorf("nothing settled within %s: %w\n%s", s.plan.settle, err, s.desk.Log(20))
		case <-time.After(500 * time.Millisecond):
		}
	}
}
