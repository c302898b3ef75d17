package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Secret is what can be told of a secret without telling it.
type Secret struct {
	// Name is the setting's.
	Name string
	// Length is in characters.
	Length int
	// Guessed tells that whoever reaches a server can try it out.
	Guessed bool
	// SameAs are other settings with the same value.
	SameAs []string
	// Changed is when the file that it stands in was written; zero where it stands
	// in the environment.
	Changed time.Time
	// Ends is until when it holds, where it says so itself; zero otherwise.
	Ends time.Time
}

// Certificate is one by which a server knows us.
type Certificate struct {
	Name string
	Ends time.Time
}

// Settings is what there is to say of the settings themselves.
type Settings struct {
	// Wrong are those to correct, Weak those that NODE_ENV=production would refuse,
	// Odd what is no mistake, each with its name before a colon.
	Wrong, Weak, Odd []string
	Secrets          []Secret
	Certificates     []Certificate
	// Readable is a .env file with secrets that others on this machine can read.
	Readable string
}

const (
	// shortPassword is what can be tried out over a network in the long run.
	shortPassword = 16
	// oldSecret is after how long whoever has left may still know it.
	oldSecret = 365 * 24 * time.Hour
	// certificateSoon is as long as people need for a new one.
	certificateSoon = 21 * 24 * time.Hour
)

// ExamineSettings judges what was read before anybody was asked.
func ExamineSettings(s Settings) []Line {
	var lines []Line
	add := func(check string, v Verdict) {
		lines = append(lines, Line{Subject: "settings", Check: check, Verdict: v})
	}
	const where = "correct it in the environment, in .env or in the file of NAME_FILE: docs/OPERATIONS.md, Settings"
	for _, w := range s.Wrong {
		add("values", fail(w, where))
	}
	for _, w := range s.Weak {
		if !strings.Contains(w, "NODE_ENV=production") {
			w += " (refused with NODE_ENV=production)"
		}
		add("values", warn(w, where))
	}
	for _, w := range s.Odd {
		add("values", warn(w, where))
	}
	if len(lines) == 0 {
		add("values", fine("all settings can be read, and none is weak"))
	}
	add("secrets", judgeSecrets(s))
	add("age", judgeAges(s, time.Now()))
	return lines
}

func judgeSecrets(s Settings) Verdict {
	var wrong []Verdict
	said := map[string]bool{}
	for _, secret := range s.Secrets {
		if secret.Guessed && secret.Length < shortPassword {
			wrong = append(wrong, warn(fmt.Sprintf("%s has %s, which can be guessed over the network in the long run", secret.Name, count(secret.Length, "character")),
				"take 16 or more random ones for "+secret.Name+" (openssl rand -base64 24)"))
		}
		if len(secret.SameAs) > 0 && !said[secret.Name] {
			wrong = append(wrong, warn(secret.Name+" is also "+strings.Join(secret.SameAs, ", ")+": whoever learns one has the other", "give each setting a secret of its own"))
			for _, name := range secret.SameAs {
				said[name] = true
			}
		}
	}
	if s.Readable != "" {
		wrong = append(wrong, warn(s.Readable+" can be read by everybody on this machine", "chmod 600 "+s.Readable))
	}
	return all(fine("%s set, none of them short or used twice", count(len(s.Secrets), "secret")), wrong...)
}

func judgeAges(s Settings, now time.Time) Verdict {
	var wrong []Verdict
	known := 0
	for _, secret := range s.Secrets {
		if age := now.Sub(secret.Changed); !secret.Changed.IsZero() {
			known++
			if age > oldSecret {
				wrong = append(wrong, warn(fmt.Sprintf("the file of %s was written %s ago", secret.Name, days(age)), "change it: docs/OPERATIONS.md says how for each (Links of welcome mails, Changing the payload key, Tokens)"))
			}
		}
		if !secret.Ends.IsZero() {
			known++
			wrong = append(wrong, judgeEnd(secret.Name, secret.Ends, now)...)
		}
	}
	for _, c := range s.Certificates {
		known++
		wrong = append(wrong, judgeEnd("the certificate of "+c.Name, c.Ends, now)...)
	}
	if known == 0 {
		return fine("the age of secrets in the environment cannot be told; that of a NAME_FILE can")
	}
	return all(fine("of %d secrets and certificates the age can be told; none is old or ends soon", known), wrong...)
}

func judgeEnd(what string, ends, now time.Time) []Verdict {
	const mend = "have a new one issued, and restart the processes one after the other"
	switch left := ends.Sub(now); {
	case left <= 0:
		return []Verdict{fail(fmt.Sprintf("%s has ended on %s", what, day(ends)), mend)}
	case left < certificateSoon:
		return []Verdict{warn(fmt.Sprintf("%s ends on %s, in %s", what, day(ends), days(left)), mend)}
	}
	return nil
}

// IdentityProvider tells facts about where the keys of tokens come from.
type IdentityProvider interface {
	// Keys is how many keys that are of use it gives. It fails where none is.
	Keys(ctx context.Context) (int, error)
}

// ExamineProvider lists the checks of JWT_JWKS_URL.
func ExamineProvider(p IdentityProvider) Subject {
	return Subject{Name: "identity-provider", Server: Check{"keys", func(ctx context.Context) Verdict {
		const mend = "check JWT_JWKS_URL and JWT_JWKS_SSLROOTCERT: docs/OPERATIONS.md, Identity provider"
		n, err := p.Keys(ctx)
		if err != nil {
			return unasked("its keys cannot be had: its tokens are answered 503", err, mend)
		}
		return fine("it gives %s", count(n, "key"))
	}}}
}
