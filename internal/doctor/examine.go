package doctor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Within is how long one check may take. A server that answers does so in
// milliseconds; what takes longer than this keeps people waiting anyway.
const Within = 5 * time.Second

// grace is what a check may take beyond its time to say in its own words what it
// was waiting for.
const grace = 500 * time.Millisecond

// Check asks one thing.
type Check struct {
	Name string
	// Ask gives the verdict. Its context ends after the check's time; one that goes
	// on all the same is left behind.
	Ask func(context.Context) Verdict
}

// Subject is what some checks are about, such as the database.
type Subject struct {
	Name string
	// Server asks whether it is there at all. When it fails the others are not
	// asked: one that is away is one failure, not ten.
	Server Check
	Checks []Check
}

// Unfit is a subject that cannot be looked at, since its settings do not fit
// together.
func Unfit(name string, err error) Subject {
	return Subject{Name: name, Server: Check{"settings", func(context.Context) Verdict {
		return unasked("the settings do not fit together", err, "correct them: docs/OPERATIONS.md, Settings")
	}}}
}

// Line is a verdict with what it is about.
type Line struct {
	Subject, Check string
	Verdict
	// Took is how long the check took; zero for what was looked at on the way.
	Took time.Duration
}

// Examine makes all checks of all subjects at the same time, each within its own
// time, and gives their lines in the order of the subjects and their checks.
func Examine(ctx context.Context, within time.Duration, subjects []Subject) []Line {
	found := make([][]Line, len(subjects))
	var examining sync.WaitGroup
	for i, s := range subjects {
		examining.Go(func() { found[i] = s.examine(ctx, within) })
	}
	examining.Wait()
	var lines []Line
	for _, of := range found {
		lines = append(lines, of...)
	}
	return lines
}

func (s Subject) examine(ctx context.Context, within time.Duration) []Line {
	var lines []Line
	if s.Server.Ask != nil {
		server := s.look(ctx, within, s.Server)
		lines = append(lines, server)
		if server.State == Failure {
			lines[0].Says += s.leftOut()
			return lines
		}
	}
	rest := make([]Line, len(s.Checks))
	var looking sync.WaitGroup
	for i, c := range s.Checks {
		looking.Go(func() { rest[i] = s.look(ctx, within, c) })
	}
	looking.Wait()
	return append(lines, rest...)
}

// leftOut names what is not known for that reason.
func (s Subject) leftOut() string {
	if len(s.Checks) == 0 {
		return ""
	}
	names := make([]string, len(s.Checks))
	for i, c := range s.Checks {
		names[i] = c.Name
	}
	return " (not looked at for that reason: " + strings.Join(names, ", ") + ")"
}

// look makes one check.
func (s Subject) look(ctx context.Context, within time.Duration, c Check) Line {
	asking, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began := time.Now()
	answered := make(chan Verdict, 1)
	go func() { answered <- c.Ask(asking) }()
	line := Line{Subject: s.Name, Check: c.Name}
	select {
	case line.Verdict = <-answered:
	case <-time.After(within + grace):
		line.Verdict = fail(fmt.Sprintf("no answer within %s", within), "see whether the server hangs, or a firewall on the way drops what is sent")
	}
	line.Took = time.Since(began)
	return line
}
