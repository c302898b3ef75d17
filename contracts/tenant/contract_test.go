package tenantcontract_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stellar/go-stellar-sdk/xdr"
	xdr3 "github.com/stellar/go-xdr/xdr3"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
)

func TestEmbeddedContractMatchesItsChecksum(t *testing.T) {
	t.Parallel()
	hash := tenantcontract.Hash()
	require.Equal(t, strings.Fields(tenantcontract.Checksum)[0], hex.EncodeToString(hash[:]),
		"tenant.wasm is not the file that build.sh made: rebuild it")
}

// Rent is by size: the code's is the dearest part of a setup.
func TestContractIsAtMostEightKiB(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, len(tenantcontract.Wasm), 8*1024)
}

// Whoever changes the code keeps a copy of what contracts on the ledger have: it must
// be tried that they can be upgraded.
func TestEveryEarlierCodeIsKept(t *testing.T) {
	t.Parallel()
	kept, err := filepath.Glob("testdata/*.wasm")
	require.NoError(t, err)
	require.Len(t, kept, tenantcontract.Version-1)
}

// The contract carries a description of itself, from which these are read.
func TestGoNamesMirrorTheContract(t *testing.T) {
	t.Parallel()
	var functions, events []string
	enums := map[string]map[string]uint32{}
	for _, e := range specification(t) {
		switch e.Kind {
		case xdr.ScSpecEntryKindScSpecEntryFunctionV0:
			functions = append(functions, fmt.Sprintf("%s/%d", e.FunctionV0.Name, len(e.FunctionV0.Inputs)))
		case xdr.ScSpecEntryKindScSpecEntryEventV0:
			require.Len(t, e.EventV0.PrefixTopics, 1)
			events = append(events, string(e.EventV0.PrefixTopics[0]))
		case xdr.ScSpecEntryKindScSpecEntryUdtEnumV0:
			enums[e.UdtEnumV0.Name] = map[string]uint32{}
			for _, c := range e.UdtEnumV0.Cases {
				enums[e.UdtEnumV0.Name][c.Name] = uint32(c.Value)
			}
		case xdr.ScSpecEntryKindScSpecEntryUdtErrorEnumV0:
			enums[e.UdtErrorEnumV0.Name] = map[string]uint32{}
			for _, c := range e.UdtErrorEnumV0.Cases {
				enums[e.UdtErrorEnumV0.Name][c.Name] = uint32(c.Value)
			}
		}
	}
	require.ElementsMatch(t, []string{
		tenantcontract.Constructor + "/2", tenantcontract.SetStatus + "/1", tenantcontract.GetStatus + "/0",
		tenantcontract.GetCommitment + "/0", tenantcontract.GetAdmin + "/0", tenantcontract.AnchorRoot + "/3",
		tenantcontract.LastAnchor + "/0", tenantcontract.ProposeAdmin + "/1", tenantcontract.WithdrawAdmin + "/0",
		tenantcontract.ProposedAdmin + "/0", tenantcontract.AcceptAdmin + "/0", tenantcontract.Upgrade + "/1", tenantcontract.GetVersion + "/0",
	}, functions)
	require.ElementsMatch(t, []string{
		tenantcontract.EventCreated, tenantcontract.EventStatusChanged, tenantcontract.EventAnchored, tenantcontract.EventAdminProposed,
		tenantcontract.EventAdminWithdrawn, tenantcontract.EventAdminChanged, tenantcontract.EventUpgraded,
	}, events)
	require.Equal(t, map[string]uint32{
		"Active": uint32(tenantcontract.Active), "Suspended": uint32(tenantcontract.Suspended), "Terminated": uint32(tenantcontract.Terminated),
	}, enums["Status"])
	require.Equal(t, map[string]uint32{
		"Terminated": uint32(tenantcontract.ErrTerminated), "NotMonotonic": uint32(tenantcontract.ErrNotMonotonic), "NoProposal": uint32(tenantcontract.ErrNoProposal),
	}, enums["Error"])
}

func TestStatusNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "active", tenantcontract.Active.String())
	require.Equal(t, "suspended", tenantcontract.Suspended.String())
	require.Equal(t, "terminated", tenantcontract.Terminated.String())
	require.Equal(t, "unknown", tenantcontract.Status(0).String())
}

func specification(t *testing.T) []xdr.ScSpecEntry {
	t.Helper()
	r := bytes.NewReader(section(t, tenantcontract.Wasm, "contractspecv0"))
	var entries []xdr.ScSpecEntry
	for r.Len() > 0 {
		var e xdr.ScSpecEntry
		_, err := xdr3.NewDecoder(r).Decode(&e)
		require.NoError(t, err)
		entries = append(entries, e)
	}
	return entries
}

// section returns the bytes of a custom section of a WebAssembly module.
func section(t *testing.T, wasm []byte, name string) []byte {
	t.Helper()
	require.Equal(t, "\x00asm", string(wasm[:4]))
	r := bytes.NewReader(wasm[8:])
	var found []byte
	for {
		id, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		body := readSized(t, r)
		if id != 0 { // not a custom section
			continue
		}
		b := bytes.NewReader(body)
		if string(readSized(t, b)) == name {
			rest, err := io.ReadAll(b)
			require.NoError(t, err)
			found = append(found, rest...)
		}
	}
	require.NotEmpty(t, found, "section %s", name)
	return found
}

func readSized(t *testing.T, r *bytes.Reader) []byte {
	t.Helper()
	size, err := binary.ReadUvarint(r)
	require.NoError(t, err)
	b := make([]byte, size)
	_, err = io.ReadFull(r, b)
	require.NoError(t, err)
	return b
}
