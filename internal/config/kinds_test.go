package config

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"24h": 24 * time.Hour, "1d": day, "1.5d": 36 * time.Hour, "2 days": 2 * day, "86400": day, "1h30m": 90 * time.Minute,
		"7 D": 7 * day, "500ms": 500 * time.Millisecond, "2w": 14 * day, "1y": year, ".5h": 30 * time.Minute,
	} {
		got, ok := parseDuration(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "soon", "1 fortnight", "d", "1d2", "99999999999y", "1e9h"} {
		_, ok := parseDuration(text)
		require.False(t, ok, text)
	}
	for _, text := range []string{"-1h", "0", "59m", "25h"} {
		_, ok := duration(time.Hour, day).parse(text)
		require.False(t, ok, text)
	}
}

func TestDurationReadsWhatGoWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(100*year)).Draw(t, "d"))
		got, ok := parseDuration(d.String())
		require.True(t, ok)
		require.InDelta(t, d, got, float64(time.Microsecond))
	})
}

func TestShortDuration(t *testing.T) {
	t.Parallel()
	require.Equal(t, "1s", short(time.Second))
	require.Equal(t, "30m", short(30*time.Minute))
	require.Equal(t, "10m10s", short(610*time.Second))
	require.Equal(t, "10h", short(10*time.Hour))
	require.Equal(t, "90d", short(90*day))
}

func TestDotenv(t *testing.T) {
	t.Parallel()
	values := map[string]any{}
	require.NoError(t, dotenv{}.Decode([]byte(strings.Join([]string{
		"\ufeff# a comment", "", "PLAIN=value # why", "export EXPORTED = spaced  ", `DOUBLE="two\nlines \"quoted\" $HOME # kept"`,
		`SINGLE='as it is \n $x'`, "BACK=`it's`", "EMPTY=", "DOLLAR=pa$$word$1", "CRLF=x\r", "EQUALS=a=b=c",
		"MULTI=\"one", "two\"", "APOSTROPHE=don't",
	}, "\n")), values))
	require.Equal(t, map[string]any{
		"PLAIN": "value", "EXPORTED": "spaced", "DOUBLE": "two\nlines \"quoted\" $HOME # kept", "SINGLE": `as it is \n $x`,
		"BACK": "it's", "EMPTY": "", "DOLLAR": "pa$$word$1", "CRLF": "x", "EQUALS": "a=b=c", "MULTI": "one\ntwo", "APOSTROPHE": "don't",
	}, values)
}

func TestHost(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"db": "db", "db.hospital.test": "db.hospital.test", "10.0.0.7": "10.0.0.7", "::1": "::1", "[::1]": "::1", "::": "::",
		"2001:db8::7": "2001:db8::7", "[2001:db8::7]": "2001:db8::7", "fe80::1%eth0": "fe80::1%eth0", "[fe80::1%eth0]": "fe80::1%eth0",
		"::ffff:10.0.0.7": "::ffff:10.0.0.7",
	} {
		got, ok := host.parse(text)
		require.True(t, ok, text)
		require.Equal(t, want, got)
		got, ok = socketOrHost.parse(text)
		require.True(t, ok, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"[::1", "::1]", "[::1]:25", "[10.0.0.7]", "[db]", "db:25", "1:2", "http://db", "db/x", "a b", "[]"} {
		_, ok := host.parse(text)
		require.False(t, ok, text)
	}
	_, ok := socketOrHost.parse("/var/run/postgresql")
	require.True(t, ok)
	for _, text := range []string{"[::1]:7233", "temporal:7233", "[2001:db8::7]:7233", "[fe80::1%eth0]:7233"} {
		_, ok := hostPort.parse(text)
		require.True(t, ok, text)
		_, ok = listenAddress.parse(text)
		require.True(t, ok, text)
	}
	for _, text := range []string{"::1:7233", "[::1]", "::1"} {
		_, ok := hostPort.parse(text)
		require.False(t, ok, text)
		_, ok = listenAddress.parse(text)
		require.False(t, ok, text)
	}
	for _, text := range []string{"http://[::1]:3000", "https://[2001:db8::7]", "http://[fe80::1%25eth0]:3000"} {
		_, ok := webURL.parse(text)
		require.True(t, ok, text)
		_, ok = absoluteURL.parse(text + "/rpc?key=a")
		require.True(t, ok, text)
	}
	for _, text := range []string{"http://::1:3000", "http://[::1", "http://::1"} {
		_, ok := webURL.parse(text)
		require.False(t, ok, text)
	}
}

// TestDotenvRoundTrip: any value in single quotes, but for one with a single
// quote in it, is read as it is, whatever stands around it.
func TestDotenvRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := strings.ReplaceAll(rapid.String().Draw(t, "value"), "'", "")
		values := map[string]any{}
		require.NoError(t, dotenv{}.Decode([]byte("A=1\nVALUE='"+value+"'\nZ=2"), values))
		require.Equal(t, map[string]any{"A": "1", "VALUE": value, "Z": "2"}, values)
	})
}
