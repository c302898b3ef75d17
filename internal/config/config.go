package config

import (
	"fmt"
	"os"
)

// Section is a group of settings that a binary may need. The zero value needs
// nothing but NODE_ENV and the logging settings, which are always read.
type Section uint

// The sections. Combine them with |.
const (
	NeedApp Section = 1 << iota
	NeedDB
	NeedRedis
	NeedJWT
	NeedMail
	NeedSoroban
	NeedTemporal
	NeedProvisioning
	NeedInvitation
	NeedRateLimit
	NeedMaintenance
	NeedMetrics
	// NeedBackup is where backups go, NeedSchedule when they are made.
	NeedBackup
	NeedSchedule
	// NeedLogStore is where old logs are read: of the backup store what opens it, and
	// nothing that makes a backup or opens one.
	NeedLogStore
	// NeedNotices is what notices to NOTIFY_EMAIL leave by: the mail settings of a
	// process that sends no other mail and can do without.
	NeedNotices
)

// What the long-running binaries need. The operator's command line asks for
// the sections of one subcommand at a time, so that a setting which has nothing
// to do with that subcommand cannot stop it.
const (
	NeedByAPI    = NeedApp | NeedDB | NeedRedis | NeedJWT | NeedTemporal | NeedProvisioning | NeedRateLimit | NeedMaintenance | NeedLogStore | NeedNotices
	NeedByWorker = NeedApp | NeedDB | NeedMail | NeedSoroban | NeedTemporal | NeedProvisioning | NeedInvitation | NeedMaintenance | NeedMetrics | NeedBackup
	// NeedByStarter is what the subcommands need together, but for the doctor, which
	// looks at what the others read, and what opens backups itself (restore --all, backup
	// rewrap), which takes the settings of a worker.
	NeedByStarter = NeedDB | NeedJWT | NeedSoroban | NeedTemporal | NeedProvisioning | NeedMaintenance | NeedLogStore | NeedSchedule
)

// Config is everything that can be set. Sections that were not asked for are
// zero.
type Config struct {
	Environment  Environment
	Log          Log
	Traces       Traces
	App          App
	DB           DB
	Redis        Redis
	JWT          JWT
	Mail         Mail
	Soroban      Soroban
	Temporal     Temporal
	Provisioning Provisioning
	Invitation   Invitation
	Maintenance  Maintenance
	RateLimit    RateLimit
	Cache        Cache
	Metrics      Metrics
	Backup       Backup
	// LogStore is the store of Backup, for those who read old logs there.
	LogStore BackupStore
	// BackupSchedule is when the daily backup begins (BACKUP_SCHEDULE, 01:30 UTC).
	BackupSchedule BackupSchedule
	// Warnings are what was found odd and is no mistake, for the log.
	Warnings []string
}

// Options say where settings come from. The zero value is what a binary wants.
type Options struct {
	// Environ is the process environment as NAME=value, as os.Environ gives it.
	// Nil means os.Environ().
	Environ []string
	// Dir holds the .env file, which may be absent. Empty means the working
	// directory.
	Dir string
	// AsProduction refuses what NODE_ENV=production would.
	AsProduction bool
}

// Load reads the sections in needs. Its error is an *Error that lists every
// setting to correct, or says which file could not be read.
func Load(opts Options, needs Section) (*Config, error) {
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	src, err := newSource(opts.Environ, opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	r := &reader{source: src, production: opts.AsProduction}
	cfg := r.config(needs)
	if len(r.problems) > 0 {
		return nil, &Error{Problems: r.problems}
	}
	cfg.Warnings = r.warnings
	return cfg, nil
}

func (r *reader) config(needs Section) *Config {
	cfg := &Config{}
	cfg.Environment = r.environment()
	r.production = r.production || cfg.Environment == Production
	cfg.Log, cfg.Traces = r.log(), r.traces()
	for _, section := range []struct {
		need Section
		read func()
	}{
		{NeedApp, func() { cfg.App = r.app() }},
		{NeedDB, func() { cfg.DB = r.db() }},
		{NeedRedis, func() { cfg.Redis = r.redis() }},
		{NeedJWT, func() { cfg.JWT = r.jwt() }},
		{NeedMail, func() { cfg.Mail = r.mail() }},
		{NeedSoroban, func() { cfg.Soroban = r.soroban() }},
		{NeedTemporal, func() { cfg.Temporal = r.temporal(needs&NeedMetrics != 0) }},
		{NeedProvisioning, func() { cfg.Provisioning = r.provisioning() }},
		{NeedInvitation, func() { cfg.Invitation = r.invitation() }},
		{NeedMaintenance, func() { cfg.Maintenance = r.maintenance() }},
		{NeedRateLimit, func() { cfg.RateLimit, cfg.Cache = r.rateLimit(), r.cache() }},
		{NeedMetrics, func() { cfg.Metrics = r.metrics() }},
		{NeedBackup, func() { cfg.Backup = r.backup() }},
		{NeedLogStore, func() { cfg.LogStore = r.logStore() }},
		{NeedSchedule, func() { cfg.BackupSchedule = r.backupSchedule() }},
	} {
		if needs&section.need != 0 {
			section.read()
		}
	}
	if needs&NeedNotices != 0 && needs&NeedMail == 0 && r.isSet("NOTIFY_EMAIL") && r.isSet("MAIL_FROM") {
		cfg.Mail = r.mail()
	}
	return cfg
}
