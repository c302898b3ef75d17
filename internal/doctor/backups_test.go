package doctor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/tenant"
)

type backupFacts struct {
	place doctor.BackupPlace
	away  error
	ages  tenant.StandingBackups
}

func (f backupFacts) Place(context.Context) (doctor.BackupPlace, error)       { return f.place, f.away }
func (f backupFacts) Backups(context.Context) (tenant.StandingBackups, error) { return f.ages, nil }

func TestBackupsAreJudged(t *testing.T) {
	t.Parallel()
	sound := backupFacts{
		place: doctor.BackupPlace{Name: "bucket backups of https://s3.example"},
		ages:  tenant.StandingBackups{Made: true, Control: 5 * time.Hour, Oldest: 29 * time.Hour},
	}
	for _, l := range doctor.Examine(t.Context(), doctor.Within, []doctor.Subject{doctor.ExamineBackups(sound, sound)}) {
		judged(t, l, doctor.OK, "")
	}
	failing := map[string]bool{}
	for name, c := range map[string]struct {
		check  string
		change func(*backupFacts)
		state  doctor.State
		says   string
	}{
		"away":             {"store", func(f *backupFacts) { f.away = errors.New("503") }, doctor.Failure, "BACKUP_ACCESS_KEY"},
		"a folder of root": {"store", func(f *backupFacts) { f.place.Folder = roomless }, doctor.Failure, "cannot be written to"},
		"old versions":     {"versions", func(f *backupFacts) { f.place.Versions = true }, doctor.Warning, "suspend versioning"},
		"not told":         {"versions", func(f *backupFacts) { f.place.Hidden = true }, doctor.OK, "is not told"},
		"never":            {"age", func(f *backupFacts) { f.ages = tenant.StandingBackups{} }, doctor.Warning, "starter backup"},
		"control too old":  {"age", func(f *backupFacts) { f.ages.Control = 31 * time.Hour }, doctor.Failure, "control tables is 31h0m0s old"},
		"tenants too old":  {"age", func(f *backupFacts) { f.ages.Late, f.ages.Oldest = 2, 50*time.Hour }, doctor.Failure, "2 tenants have no good backup of the last 30h0m0s"},
		"broken":           {"age", func(f *backupFacts) { f.ages.Broken = 1 }, doctor.Failure, "1 backup is not what it was made as"},
	} {
		facts := sound
		c.change(&facts)
		l := line(t, doctor.ExamineBackups(facts, facts), c.check)
		require.Equal(t, c.state, l.State, name)
		judged(t, l, c.state, c.says)
		failing[c.check] = failing[c.check] || c.state != doctor.OK
	}
	eachFails(t, doctor.ExamineBackups(sound, sound), failing)
	judged(t, line(t, doctor.ExamineBackups(nil, sound), "store"), doctor.Warning, "BACKUP_URL is not set")
	judged(t, line(t, doctor.ExamineBackups(nil, backupFacts{}), "age"), doctor.OK, "none was ever asked for")
}
