package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, noArguments([]string{"--help"}), "no arguments")
}
