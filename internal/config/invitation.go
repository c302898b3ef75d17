package config

import (
	"slices"
	"strings"
)

// minInvitationSecret is the shortest accepted secret in characters: 32 random
// bytes have 43 in base64 and 64 in hexadecimal.
const minInvitationSecret = 32

// Invitation is what the links of welcome mails are derived from.
type Invitation struct {
	// Secrets are the installation's own, separated by commas
	// (INVITATION_SECRET): the first makes the links, the others made the links
	// of mails that may be under way. Without any a random key in the database
	// does, which whoever reads the database or its backups can use.
	Secrets []Secret
	// TokenSecret is JWT_SECRET where it is set. Versions before this one have
	// derived links from it: a mail that was in doubt at the upgrade keeps its
	// own.
	TokenSecret Secret
}

func (r *reader) invitation() Invitation {
	set := setting{name: "INVITATION_SECRET", hint: "; \"openssl rand -hex 32\" prints one"}
	i := Invitation{
		Secrets:     readSecret(r, set, invitationSecrets),
		TokenSecret: r.tokenSecret(false),
	}
	for _, secret := range i.Secrets {
		switch value := secret.Reveal(); {
		case value == i.TokenSecret.Reveal():
			r.problem(set, "the value (not shown) is that of JWT_SECRET: whoever could make tokens could make links; expected another secret%s", set.hint)
		case r.production && isRepetitive(value):
			r.problem(set, "the value (not shown) repeats itself; expected a random secret with NODE_ENV=production%s", set.hint)
		}
	}
	return i
}

var invitationSecrets = kind[[]Secret]{
	want: "at least 32 characters, or several such secrets with commas between them, each once, the one for new links first",
	parse: func(s string) ([]Secret, bool) {
		var texts []string
		for text := range strings.SplitSeq(s, ",") {
			text = strings.TrimSpace(text)
			if len([]rune(text)) < minInvitationSecret || slices.Contains(texts, text) {
				return nil, false
			}
			texts = append(texts, text)
		}
		secrets := make([]Secret, len(texts))
		for i, text := range texts {
			secrets[i] = NewSecret(text)
		}
		return secrets, true
	},
}
