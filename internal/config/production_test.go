package config_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

func validSeed() string {
	kp, err := keypair.FromRawSeed(sha256.Sum256([]byte("a test's own account")))
	if err != nil {
		return err.Error()
	}
	return kp.Seed()
}

// production is valid and strong.
func production(extra ...string) []string {
	return valid(append([]string{
		"NODE_ENV=production", "APP_URL=https://api.hospital.test", "PAYLOAD_KEYS=" + payloadKey, "SOROBAN_NETWORK=public",
		"TEMPORAL_ADDRESS=temporal:7233",
	}, extra...)...)
}

func TestProductionRefusesWeakValues(t *testing.T) {
	t.Parallel()
	_, err := load(t, every, production()...)
	require.NoError(t, err)

	for name, tt := range map[string]struct{ set, problem string }{
		"no payload keys":      {"PAYLOAD_KEYS=", "PAYLOAD_KEYS"},
		"keys of zeros":        {"PAYLOAD_KEYS=k1:" + strings.Repeat("A", 43) + "=", "PAYLOAD_KEYS"},
		"demo's payload keys":  {"PAYLOAD_KEYS=" + strings.Replace(payloadKey, "k1", config.DemoMark, 1), "PAYLOAD_KEYS"},
		"repetitive secret":    {"JWT_SECRET=" + strings.Repeat("abc", 30), "JWT_SECRET"},
		"demo's secret":        {"JWT_SECRET=" + config.DemoMark + jwtSecret, "JWT_SECRET"},
		"example":              {"DB_PASSWORD=change-me", "DB_PASSWORD"},
		"local network":        {"SOROBAN_NETWORK=local", "SOROBAN_NETWORK"},
		"a network's root key": {"SOROBAN_CONTRACT_DEPLOYER_SECRET=" + keypair.Root(config.LocalPassphrase).Seed(), "SOROBAN_CONTRACT_DEPLOYER_SECRET"},
		"a payer of everybody": {"SOROBAN_PAYER_SECRET=" + keypair.Root(config.LocalPassphrase).Seed(), "SOROBAN_PAYER_SECRET"},
		"an admin likewise":    {"SOROBAN_ADMIN_SECRET=" + keypair.Root(config.LocalPassphrase).Seed(), "SOROBAN_ADMIN_SECRET"},
		"no address":           {"APP_URL=", "APP_URL"},
		"no engine":            {"TEMPORAL_ADDRESS=", "TEMPORAL_ADDRESS"},
		"any audience":         {"JWT_JWKS_URL=https://id.hospital.test/keys", "JWT_AUDIENCE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, every, production(tt.set)...)
			found := problems(t, err)
			require.Contains(t, found, tt.problem)
			require.Len(t, found, 1)
			_, value, _ := strings.Cut(tt.set, "=")
			if value != "" && tt.problem != "SOROBAN_NETWORK" {
				require.NotContains(t, err.Error(), value)
			}

			dev := append(production(tt.set), "NODE_ENV=development")
			_, err = load(t, every, dev...)
			require.NoError(t, err, "accepted elsewhere")
		})
	}
}

func TestShortJWTSecretIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	for _, environment := range []string{"production", "development"} {
		_, err := load(t, config.NeedJWT, "APP_ENV="+environment, "JWT_SECRET="+jwtSecret[:63])
		require.Contains(t, problems(t, err)["JWT_SECRET"], "at least 64 characters")
	}
}
