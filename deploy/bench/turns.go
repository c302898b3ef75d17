package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
)

// inTurns measures some ways in each round, and returns by way what the rounds have
// found. When it is interrupted, those that are whole count.
func inTurns[W, T any](ctx context.Context, rounds int, ways []W, measure func(way W, round int) (T, error)) ([][]T, error) {
	all := make([][]T, len(ways))
	for round := range rounds {
		found := make([]T, len(ways))
		for _, i := range turns(len(ways), round) {
			fmt.Fprintf(os.Stderr, "bench: round %d, %v\n", round+1, ways[i])
			var err error
			if found[i], err = measure(ways[i], round); err != nil && ctx.Err() != nil && round > 0 {
				return all, nil
			} else if err != nil {
				return nil, fmt.Errorf("with %v: %w", ways[i], err)
			}
		}
		for i := range ways {
			all[i] = append(all[i], found[i])
		}
	}
	return all, nil
}

// turns draws the order of n ways in a round, the same in each run: nobody is always the
// first, or always behind the same one.
func turns(n, round int) []int {
	return rand.New(rand.NewPCG(uint64(round), 0)).Perm(n) //nolint:gosec // nothing is secret about it
}

// over is a figure of each round.
func over[T any](rounds []T, figure func(T) float64) Spread {
	all := make([]float64, len(rounds))
	for i, r := range rounds {
		all[i] = figure(r)
	}
	return spread(all)
}
