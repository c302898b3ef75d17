package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/starter/output"
)

type doctorFlags struct {
	strict, before bool
	apis, workers  int
	only           []string
}

// subjects are what can be looked at, in the order of the answer.
var subjects = []string{"settings", "logs", "database", "temporal", "redis", "ledger", "mail", "mail-backup", "backups", "identity-provider"}

func (a *app) doctor() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything the settings name, and say what is wrong and how to mend it",
		Long: `Look at everything the settings name, before and after a deployment, and say what
is wrong and how to mend it: the settings themselves, the log folder, PostgreSQL,
Temporal, Redis, the Stellar network, the mail servers, the backup store and the
identity provider.

All checks are made at once, and each has five seconds; what does not answer keeps
none of the others from being looked at. Nothing is changed and no mail is sent. It
needs the settings of the api and the worker together: run it where they run, as
their user.

A line is ok, a warning (it works now, and will not for ever or not as well as it
could) or a failure.

` + exitHelp,
		Example: `  starter doctor
  starter doctor --before --apis 10 --workers 2
  starter doctor --only database,redis --strict
  starter doctor --output json | jq -r '.checks[] | select(.state != "ok") | .mend'`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		lines, err := a.examine(cmd.Context(), f)
		if err != nil {
			return err
		}
		found := output.NewExamination(lines)
		if err := a.answer(found); err != nil {
			return err
		}
		if found.Failures > 0 || f.strict && found.Warnings > 0 {
			return &unfitError{text: found.Summary()}
		}
		return nil
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.strict, "strict", false, "let a warning count as a failure, for the exit code")
	flags.BoolVar(&f.before, "before", false, "nothing runs yet: that there is no worker is no failure")
	flags.IntVar(&f.apis, "apis", 0, "how many apis there are to be, with those of a rolling update (default: as many as are connected)")
	flags.IntVar(&f.workers, "workers", 0, "how many workers there are to be (default: as many as live)")
	flags.StringSliceVar(&f.only, "only", nil, "look at these alone: "+strings.Join(subjects, ", "))
	return cmd
}

func (f doctorFlags) check() error {
	if f.apis < 0 || f.workers < 0 {
		return usagef("--apis and --workers must not be negative")
	}
	for _, s := range f.only {
		if !slices.Contains(subjects, s) {
			return usagef("--only: there is no %q; there are %s", s, strings.Join(subjects, ", "))
		}
	}
	return nil
}

func (f doctorFlags) looksAt(subject string) bool {
	return len(f.only) == 0 || slices.Contains(f.only, subject)
}

// examine makes the checks whose settings can be read.
func (a *app) examine(ctx context.Context, f doctorFlags) ([]doctor.Line, error) {
	read := a.readEach()
	var lines []doctor.Line
	if f.looksAt("settings") {
		lines = doctor.ExamineSettings(read.settings)
	}
	e := &connect.Examination{Log: a.logger(read.cfg), Plan: doctor.Plan{APIs: f.apis, Workers: f.workers, Before: f.before}}
	looks, release := read.looks(ctx, e)
	defer release()
	looks = slices.DeleteFunc(looks, func(s doctor.Subject) bool { return !f.looksAt(s.Name) })
	lines = append(lines, doctor.Examine(ctx, doctor.Within, looks)...)
	return lines, ctx.Err()
}

// settingsRead are the sections that could be read, and what is to be said of all.
type settingsRead struct {
	cfg      *config.Config
	good     config.Section
	settings doctor.Settings
}

func (r settingsRead) has(s config.Section) bool { return r.good&s != 0 }

// readEach reads the sections one at a time, so that one that is wrong leaves the
// others to be looked at.
func (a *app) readEach() settingsRead {
	r := settingsRead{cfg: &config.Config{}}
	note := func(list *[]string, text string) {
		if !slices.Contains(r.settings.Wrong, text) && !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	strict := a.settings
	strict.AsProduction = true
	all := config.NeedByAPI | config.NeedByWorker
	for s := config.NeedApp; s <= all; s <<= 1 {
		if all&s == 0 || s == config.NeedNotices {
			continue
		}
		cfg, err := config.Load(a.settings, s)
		for _, p := range problemsOf(err) {
			note(&r.settings.Wrong, p)
		}
		if err == nil {
			r.good |= s
			r.take(cfg, s)
			for _, w := range cfg.Warnings {
				note(&r.settings.Odd, w)
			}
		}
		_, err = config.Load(strict, s)
		for _, p := range problemsOf(err) {
			note(&r.settings.Weak, p)
		}
	}
	r.judgeSecrets(a.settings)
	return r
}

// take keeps what a section has read.
func (r *settingsRead) take(cfg *config.Config, s config.Section) {
	r.cfg.Environment, r.cfg.Log = cfg.Environment, cfg.Log
	switch s {
	case config.NeedDB:
		r.cfg.DB = cfg.DB
	case config.NeedRedis:
		r.cfg.Redis = cfg.Redis
	case config.NeedJWT:
		r.cfg.JWT = cfg.JWT
	case config.NeedMail:
		r.cfg.Mail = cfg.Mail
	case config.NeedSoroban:
		r.cfg.Soroban = cfg.Soroban
	case config.NeedTemporal:
		r.cfg.Temporal = cfg.Temporal
	case config.NeedBackup:
		r.cfg.Backup = cfg.Backup
	default: // nobody is asked about the others
	}
}

func (r *settingsRead) judgeSecrets(from config.Options) {
	named, err := config.Secrets(from)
	if err == nil {
		r.settings.Secrets = connect.Secrets(named)
		r.settings.Readable = config.OpenDotenv(from)
		r.settings.Certificates, err = connect.Certificates(r.cfg)
	}
	if err != nil && !slices.Contains(r.settings.Wrong, err.Error()) {
		r.settings.Wrong = append(r.settings.Wrong, err.Error())
	}
}

// problemsOf are the settings that an error names, or the whole of it.
func problemsOf(err error) []string {
	if err == nil {
		return nil
	}
	told, ok := errors.AsType[*config.Error](err)
	if !ok {
		return []string{err.Error()}
	}
	texts := make([]string, len(told.Problems))
	for i, p := range told.Problems {
		texts[i] = p.Name + ": " + p.Message
	}
	return texts
}

// checkConnections has no check of the database wait for another.
const checkConnections = 10

// looks makes the subjects. One whose settings do not fit together is a failure of
// its own. Release them afterwards.
func (r settingsRead) looks(ctx context.Context, e *connect.Examination) (looks []doctor.Subject, release func()) {
	var closers []func()
	release = func() {
		for _, c := range closers {
			go c() // what hangs must not hold up the answer
		}
	}
	looks = append(looks, doctor.ExamineFolder(r.cfg.Log.Dir))
	if r.has(config.NeedDB) {
		made, end, err := r.database(ctx, e)
		looks = append(looks, unlessUnfit("database", made, err)...)
		closers = append(closers, end)
	}
	if r.has(config.NeedTemporal) {
		c, err := connect.Temporal(r.cfg.Temporal, e.Log, nil, connect.Metrics{})
		if err != nil {
			looks = append(looks, doctor.Unfit("temporal", err))
		} else {
			looks = append(looks, e.Temporal(r.cfg.Temporal, c)...)
			closers = append(closers, c.Close)
		}
	}
	if r.has(config.NeedRedis) {
		looks = append(looks, e.Redis(r.cfg.Redis, r.cfg.Environment)...)
	}
	if r.has(config.NeedSoroban) {
		made, err := e.Ledger(r.cfg.Soroban)
		looks = append(looks, unlessUnfit("ledger", made, err)...)
	}
	if r.has(config.NeedMail) {
		made, err := e.Mail(r.cfg.Mail)
		looks = append(looks, unlessUnfit("mail", made, err)...)
		made, err = e.BackupMail(r.cfg.Mail)
		looks = append(looks, unlessUnfit("mail-backup", made, err)...)
	}
	if r.has(config.NeedBackup) {
		looks = append(looks, e.Backups(r.cfg.Backup)...)
	}
	if r.has(config.NeedJWT) {
		looks = append(looks, e.Provider(r.cfg.JWT)...)
	}
	return looks, release
}

// unlessUnfit is what was made, or a failure that says why it was not.
func unlessUnfit(name string, made []doctor.Subject, err error) []doctor.Subject {
	if err != nil {
		return []doctor.Subject{doctor.Unfit(name, err)}
	}
	return made
}

// database looks at the database by connections of its own, which end gives back.
func (r settingsRead) database(ctx context.Context, e *connect.Examination) (made []doctor.Subject, end func(), err error) {
	db := r.cfg.DB
	db.MaxConns = checkConnections
	pool, err := connect.Database(ctx, db, "starter", connect.Metrics{})
	if err != nil {
		return nil, func() {}, err
	}
	var temporal *config.Temporal
	if r.has(config.NeedTemporal) {
		temporal = &r.cfg.Temporal
	}
	made, err = e.Database(r.cfg.DB, pool, temporal)
	return made, pool.Close, err
}
