package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

func TestSampleIsFitToBeShown(t *testing.T) {
	t.Parallel()
	sample, err := readSample("")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(sample), 3)
	for _, n := range sample {
		require.True(t, strings.HasSuffix(n.Administrator.Email, ".example"), "%s would be a real address", n.Administrator.Email)
		for _, round := range []int{2, 999_999} {
			_, err := tenant.CleanName(nameIn(round, n.Name))
			require.Nil(t, err)
		}
	}
}

func TestSampleFromAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mine.json")
	require.NoError(t, os.WriteFile(path, []byte(`[{"name":"ab"}]`), 0o600))
	_, err := readSample(path)
	require.ErrorContains(t, err, path+":1: name must have 3 to 100 characters")
	_, err = readSample(path + ".gone")
	require.ErrorContains(t, err, "read the sample")
}

func TestRoundsSkipNamesThatAreHeld(t *testing.T) {
	t.Parallel()
	sample := []tenant.Spec{{Name: "One"}, {Name: "Two"}}
	held := map[string]bool{tenant.NameKey("ONE"): true, tenant.NameKey("two (2)"): true}
	require.True(t, anyHeld(held, sample, 1))
	require.True(t, anyHeld(held, sample, 2))
	require.False(t, anyHeld(held, sample, 3))
	require.Equal(t, "One", nameIn(1, "One"))
	require.Equal(t, "One (3)", nameIn(3, "One"))
}

func TestInvitationIsThatOfTheTenant(t *testing.T) {
	t.Parallel()
	mail := func(subject, link string) message {
		return message{To: "a@b.example", Subject: subject, Text: "Hello\n\nhttps://x.example/invitations/" + link + "\n\nbye"}
	}
	messages := []message{
		mail("for One", "first"), mail("for One (2) on us", "second"), mail("for One (2), again", "newer"),
		{To: "other@b.example", Subject: "for One", Text: "https://x.example/invitations/other"},
	}
	link, err := invitation(messages, line{name: "One", email: "a@b.example"})
	require.NoError(t, err)
	require.Equal(t, "https://x.example/invitations/first", link)
	link, err = invitation(messages, line{name: "One (2)", email: "a@b.example"})
	require.NoError(t, err)
	require.Equal(t, "https://x.example/invitations/newer", link)
	_, err = invitation(messages, line{name: "Two", email: "a@b.example"})
	require.ErrorContains(t, err, "there is no mail to a@b.example about Two")
	_, err = invitation([]message{{To: "a@b.example", Subject: "One"}}, line{name: "One", email: "a@b.example"})
	require.ErrorContains(t, err, "no invitation link")
}
