package invitation_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/tenant"
)

var ada = invitation.Invitation{
	TenantName: "St. Mary's Hospital", FirstName: "Ada", LastName: "Lovelace", Email: "ada.lovelace@stmarys.example",
}

func TestRefusedPasswords(t *testing.T) {
	t.Parallel()
	for name, password := range map[string]string{
		"empty":                      "",
		"eleven":                     "kx7 plum rg",
		"eleven, of another script":  "пароль дома",
		"129":                        strings.Repeat("corret horse ", 10)[:129],
		"one character":              "aaaaaaaaaaaaaaa",
		"two characters":             "abababababababab",
		"a run":                      "abcdefghijklmnop",
		"a run backwards":            "987654321098765",
		"common":                     "password1234",
		"common, dressed up":         "Passw0rd123!",
		"common, twice":              "qwertyqwerty12",
		"the address":                "ada.lovelace@stmarys.example",
		"the address, in capitals":   "ADA.LOVELACE@STMARYS.EXAMPLE",
		"the name":                   "Ada Lovelace 1",
		"name and a year":            "lovelace2026",
		"the organisation":           "St. Mary's Hospital",
		"a line break":               "plum tractor\nseven",
		"NUL":                        "plum tractor\x00seven",
		"not UTF-8":                  "plum tractor \xff seven",
		"spaces":                     "               ",
		"the organisation and names": "stmaryslovelace",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, ada.CheckPassword(password))
		})
	}
}

func TestAcceptedPasswords(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"plum tractor seven", // words
		"kx7!plum-rgw",       // twelve
		"пароль мой дом",     // another script
		"🌵🎻🧊🪁🍋🎲🐙🧦🎯🪐🥨🔭",                  // signs that are not letters
		"my nurse ada likes blue kites", // a name in it, but not made of it
		strings.Repeat("correct horse ", 10)[:128],
	} {
		require.Empty(t, ada.CheckPassword(password), password)
	}
}

func TestShortNamesDoNotForbidTheirLetters(t *testing.T) {
	t.Parallel()
	li := invitation.Invitation{TenantName: "Bo", FirstName: "Li", LastName: "O", Email: "l@o.example"}
	require.Empty(t, li.CheckPassword("violin lily olive"))
}

func TestAnyTextIsJudged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.OneOf(rapid.String(), rapid.StringN(12, 128, -1)).Draw(t, "password")
		who := invitation.Invitation{
			TenantName: rapid.String().Draw(t, "tenant"), FirstName: rapid.String().Draw(t, "first"),
			LastName: rapid.String().Draw(t, "last"), Email: rapid.String().Draw(t, "email"),
		}
		if n := utf8.RuneCountInString(password); who.CheckPassword(password) == "" {
			require.True(t, n >= invitation.MinPasswordLength && n <= invitation.MaxPasswordLength)
		}
	})
}

func TestHashIsArgon2idInPHCForm(t *testing.T) {
	t.Parallel()
	h := invitation.NewHasher(1)
	first, err := h.Hash(t.Context(), "plum tractor seven")
	require.NoError(t, err)
	second, err := h.Hash(t.Context(), "plum tractor seven")
	require.NoError(t, err)
	require.NotEqual(t, first, second, "each hash has a salt of its own")

	parts := strings.Split(first, "$")
	require.Len(t, parts, 6)
	require.Equal(t, []string{"", "argon2id", "v=19"}, parts[:3])
	var memory, time uint32
	var lanes uint8
	_, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &lanes)
	require.NoError(t, err)
	require.GreaterOrEqual(t, memory, uint32(19456))
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	require.NoError(t, err)
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	require.NoError(t, err)
	require.Equal(t, want, argon2.IDKey([]byte("plum tractor seven"), salt, time, memory, lanes, uint32(len(want))))
}

func TestHasherWithoutRoomGivesUpWithTheRequest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := invitation.NewHasher(1)
	release := h.Occupy()
	_, err := h.Hash(ctx, "plum tractor seven")
	require.ErrorIs(t, err, tenant.ErrUnavailable)
	release()
	_, err = h.Hash(t.Context(), "plum tractor seven")
	require.NoError(t, err)
}

func TestTokenHash(t *testing.T) {
	t.Parallel()
	require.Len(t, invitation.TokenHash("AZaz09-_AZaz09-_"), 32)
	for _, text := range []string{"", "short", "with space in the middle", "mit-ümlaut-und-mehr", "a/b/c/d/e/f/g/h/i", strings.Repeat("a", 129), "nul\x00nulnulnulnul"} {
		require.Nil(t, invitation.TokenHash(text), text)
	}
}
