package sandbox

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// ProjectID is the one project of every site: the documents' masked
// 1424615984265764*** with three digits of ours.
const ProjectID = "1424615984265764001"

// Server answers the 18 operations and the two token calls. It is an
// [net/http.Handler] and safe for concurrent use.
type Server struct {
	o       Options
	project string
	signer  signer
	site    site
	tokens  tokens
	faults  atomic.Pointer[faultSet]
	passer  passer
	drifts  drifts
	serial  atomic.Uint64

	requests counts
	ready    readyPages
}

// site is what stands behind the operations. Functions called match keep the
// rows for which they return true; a nil one keeps all.
type site interface {
	// begin makes the site ready to be asked as of a time in ms, and returns
	// the function to call when done with the answer.
	begin(at int64) (end func())

	// key is the same for the same filter.
	permissions(key uint64, match func(p *Permission, created int64) bool) list
	permission(id string) (PermissionDetail, bool)
	tasks(match func(t *Task, certificate int) bool) list
	task(id string) (TaskDetail, bool)
	records(taskID string, match func(*Record) bool) (list, recordTotals, bool)
	issueInfo(recordID string) (IssueInfo, bool)
	structures() []Structure
	persons(match func(*Person) bool) list
	rules(match func(*Rule) bool) list
	ruleChannels(ruleID string) (list, bool)

	issue(w issueRequest) (string, *apiError)
	addRules(w rulesRequest) (string, *apiError)
	generate(source int, authID string) (string, *apiError)
	editRules(w selection, start, end *int64) (string, *apiError)
	deleteRules(w selection) (string, *apiError)

	state() State
}

// recordTotals counts the records of a task.
type recordTotals struct{ total, success int }

// New builds the site that o asks for. It panics where o.Validate reports an
// error.
func New(o Options) *Server {
	if err := o.Validate(); err != nil {
		panic(err)
	}
	o = o.withDefaults()
	s := &Server{
		o:       o,
		project: ProjectID,
		signer:  signer{"sandboxclient0000001", "sandbox-secret-of-no-value-00001"},
	}
	s.tokens.life = o.Switches.TokenLife
	s.passer.seed = mix(o.Seed, sum("faults"))
	set, _ := parseFaults(o.Faults) // Validate has parsed them
	s.faults.Store(&set)
	switch o.Site {
	case "documented":
		s.site = newDocumented(s)
	case "large":
		s.site = newLarge(s)
	default:
		s.site = newDemo(s)
	}
	return s
}

// Credentials returns what a client needs to be let in.
func (s *Server) Credentials() (clientID, clientSecret, projectID string) {
	return s.signer.id, s.signer.secret, s.project
}

// SetFaults replaces the faults that are on; see Options.Faults. It returns
// an error for a name that there is not.
func (s *Server) SetFaults(names ...string) error {
	set, err := parseFaults(names)
	if err != nil {
		return err
	}
	s.faults.Store(&set)
	s.ready.clear()
	return nil
}

func (s *Server) faultsNow() faultSet { return *s.faults.Load() }

// Requests returns how many requests were made to each operation, to "token"
// and to "unknown" paths.
func (s *Server) Requests() map[string]int64 { return s.requests.all() }

type counts struct {
	mu sync.Mutex
	n  map[string]int64
}

func (c *counts) count(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int64{}
	}
	c.n[name]++
}

func (c *counts) all() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]int64{}
	maps.Copy(out, c.n)
	return out
}

var readyHead = []byte(`{"result":`)

// readyPages are pages rendered beforehand.
type readyPages struct {
	mu    sync.RWMutex
	pages map[readyKey][]byte
}

type readyKey struct {
	op string
	paging
}

func (r *readyPages) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages = nil
}

// Prepare renders all pages of pageSize rows of an unfiltered list, so that
// answering one of them costs the server next to nothing. They are held in
// memory until SetFaults or SetGeneration is called. It returns an error
// where the site is not large or op has no pages.
func (s *Server) Prepare(op string, pageSize int) error {
	o := operationNamed(op)
	if s.o.Site != "large" || o == nil || !o.list || pageSize < 1 {
		return fmt.Errorf("sandbox: prepare %q: only lists of a large site", op)
	}
	pages := map[readyKey][]byte{}
	for page := 1; ; page++ {
		k := readyKey{op, paging{page, pageSize}}
		c := &call{s: s, op: o, v: values{"projectId": s.project}, at: s.o.Now().UnixMilli(), pg: k.paging}
		end := s.site.begin(c.at)
		a := o.answer(c)
		n := c.rowsSeen
		end()
		if a.err != nil {
			return fmt.Errorf("sandbox: prepare %q: %w", op, a.err)
		}
		if n == 0 {
			break
		}
		pages[k] = c.distorted(a.result)
	}
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	if s.ready.pages == nil {
		s.ready.pages = map[readyKey][]byte{}
	}
	maps.Copy(s.ready.pages, pages)
	return nil
}

// prepared returns the page that c asks for if it was rendered beforehand.
func (s *Server) prepared(c *call) (reply, bool) {
	if !c.op.list {
		return reply{}, false
	}
	s.ready.mu.RLock()
	defer s.ready.mu.RUnlock()
	if s.ready.pages == nil {
		return reply{}, false
	}
	for name := range c.v {
		if name != "projectId" && name != "page" && name != "pageSize" {
			return reply{}, false
		}
	}
	b, ok := s.ready.pages[readyKey{c.op.name, c.pg}]
	return reply{result: b, ready: true}, ok
}

// SetGeneration moves a large site to its n-th generation: from each to the
// next, the share Large.Churn of the permissions changes. Other sites change
// by themselves as their clock moves, and it does nothing.
func (s *Server) SetGeneration(n int) {
	if g, ok := s.site.(*large); ok {
		g.generation.Store(int64(n))
		s.ready.clear()
	}
}

func unixMS(ms int64) time.Time { return time.UnixMilli(ms) }
