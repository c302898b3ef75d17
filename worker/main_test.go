package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, run(t.Context(), []string{"--help"}), "no arguments")
}
