package tenant

import "time"

// Overview is how the installation stands, for those who watch it.
type Overview struct {
	// Open is the operations that have not ended, in groups; a group of none is
	// missing.
	Open []OpenOperations
	// Incidents counts the open incidents of each dependency: none or one.
	Incidents map[Dependency]int
	// Findings counts what the reconciler has found and nobody has settled.
	Findings map[FindingKind]int
}

// OpenOperations are those of one kind and state that have failed alike.
type OpenOperations struct {
	Kind  Kind
	State State
	// Step and Class are empty where nothing has failed.
	Step  Step
	Class FailureClass
	Count int
	// Oldest is how long ago the oldest of them was accepted.
	Oldest time.Duration
}

// Parking is why operations wait for a person.
type Parking struct {
	State State
	Step  Step
	Class FailureClass
}

// ByState counts the open operations of each state; one that none is in is missing.
func (o Overview) ByState() map[State]int {
	counts := map[State]int{}
	for _, g := range o.Open {
		counts[g.State] += g.Count
	}
	return counts
}

// OldestByState is the age of the oldest open operation of each state.
func (o Overview) OldestByState() map[State]time.Duration {
	ages := map[State]time.Duration{}
	for _, g := range o.Open {
		ages[g.State] = max(ages[g.State], g.Oldest)
	}
	return ages
}

// ByKind counts the open operations of a kind in a state.
func (o Overview) ByKind(k Kind, s State) int {
	n := 0
	for _, g := range o.Open {
		if g.Kind == k && g.State == s {
			n += g.Count
		}
	}
	return n
}

// Parked counts what waits for a person.
func (o Overview) Parked() map[Parking]int {
	counts := map[Parking]int{}
	for _, g := range o.Open {
		if g.State.NeedsPerson() {
			counts[Parking{g.State, g.Step, g.Class}] += g.Count
		}
	}
	return counts
}
