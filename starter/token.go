package main

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/token"
	"tenant-provisioning/starter/output"
)

func (a *app) token() *cobra.Command {
	var role, subject string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "token --role ROLE",
		Short: "Print a bearer token for the API, and nothing else",
		Long: `Print a bearer token for the API, and nothing else. It is signed with JWT_SECRET,
the only setting needed, and made out to JWT_AUDIENCE and JWT_ISSUER where the api
has these; it cannot be taken back before it expires.

  viewer    reads
  operator  creates and changes tenants, and acts on operations
  admin     may also purge a tenant before its time, set and lift legal holds,
            send an invitation that resets a password, and skip what leaves
            something behind: a blocked undo, the ledger's part in the life of
            a tenant, and the mail to the address before of an invitation`,
		Example: `  curl -H "Authorization: Bearer $(starter token --role viewer)" "$APP_URL/v1/tenants"`,
		Args:    cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		parsed, err := token.ParseRole(role)
		switch {
		case err != nil:
			return usagef("--role %q: %w", role, err)
		case cmd.Flags().Changed("ttl") && ttl <= 0:
			return usagef("--ttl must be longer than nothing")
		}
		cfg, err := a.load(config.NeedJWT)
		if err != nil {
			return err
		}
		if cfg.JWT.Secret.Empty() {
			return errors.New("there is no JWT_SECRET to sign with: get a token from the identity provider whose keys are at JWT_JWKS_URL")
		}
		if ttl == 0 {
			ttl = cfg.JWT.Expiration
		}
		if subject == "" {
			subject = a.caller().Actor
		}
		now := a.now()
		text, err := connect.Signer(cfg.JWT).Issue(subject, parsed, ttl, now)
		if err != nil {
			return usagef("%w; choose another one with --subject", err) // all else was checked
		}
		return a.answer(output.Token{Token: text, Role: role, Subject: subject, ExpiresAt: now.Add(ttl).UTC().Truncate(time.Second)})
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&role, "role", "", roleNames())
	flags.StringVar(&subject, "subject", "", "who will use it, for the audit log (default: this user at this host)")
	flags.DurationVar(&ttl, "ttl", 0, "how long it is valid (default: JWT_EXPIRATION)")
	if err := cmd.MarkFlagRequired("role"); err != nil {
		panic(err) //nolint:forbidigo // the flag is defined four lines above
	}
	return cmd
}

func roleNames() string {
	names := make([]string, len(token.Roles()))
	for i, r := range token.Roles() {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}
