package schemalint_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/schemalint"
	"tenant-provisioning/migrations"
)

func rules(found []schemalint.Finding) []string {
	var names []string
	for _, f := range found {
		names = append(names, f.Rule)
	}
	return names
}

func TestWhatLocksIsRefused(t *testing.T) {
	t.Parallel()
	for sql, rule := range map[string]string{
		`ALTER TABLE :"schema".users ALTER COLUMN email TYPE varchar(10)`:             "changing-column-type",
		`ALTER TABLE :"schema".users ADD COLUMN n uuid DEFAULT gen_random_uuid()`:     "adding-field-with-default",
		`ALTER TABLE :"schema".users ADD COLUMN n bigserial`:                          "adding-field-with-default",
		`ALTER TABLE :"schema".users ADD COLUMN n int GENERATED ALWAYS AS (1) STORED`: "adding-field-with-default",
		`ALTER TABLE :"schema".users ADD COLUMN n int NOT NULL`:                       "adding-not-nullable-field",
		`ALTER TABLE :"schema".users ALTER COLUMN email SET NOT NULL`:                 "adding-not-nullable-field",
		`ALTER TABLE :"schema".users ADD CONSTRAINT c CHECK (email <> '')`:            "constraint-missing-not-valid",
		`ALTER TABLE :"schema".users ADD COLUMN r text REFERENCES :"schema".roles`:    "constraint-missing-not-valid",
		`ALTER TABLE :"schema".users ADD UNIQUE (email)`:                              "disallowed-unique-constraint",
		`ALTER TABLE :"schema".users DROP COLUMN email`:                               "ban-drop-column",
		`ALTER TABLE :"schema".users SET UNLOGGED`:                                    "rewrites-table",
		`ALTER TABLE :"schema".users RENAME COLUMN email TO mail`:                     "renaming-column",
		`ALTER TABLE :"schema".users RENAME TO people`:                                "renaming-table",
		`DROP TABLE :"schema".users`:                                                  "ban-drop-table",
		`CREATE INDEX ON :"schema".users (email)`:                                     "require-concurrent-index-creation",
		`CREATE INDEX CONCURRENTLY ON :"schema".users (email)`:                        "transaction-nesting",
		`BEGIN`:                      "transaction-nesting",
		`VACUUM :"schema".users`:     "transaction-nesting",
		`CLUSTER :"schema".users`:    "rewrites-table",
		`LOCK TABLE :"schema".users`: "explicit-lock",
		`UPDATE :"schema".users SET email = lower(email)`:          "changes-every-row",
		`DELETE FROM :"schema".users`:                              "changes-every-row",
		`TRUNCATE :"schema".users`:                                 "changes-every-row",
		`DO $$ BEGIN PERFORM 1; END $$`:                            "opaque-block",
		`ALTER TABLE users ADD COLUMN n int`:                       "unqualified-name",
		`CREATE TABLE tenants (id int)`:                            "unqualified-name",
		`ALTER TABLE :"schema".users ADD COLUMN n int DEFAULT 1 +`: "syntax",
	} {
		files := []migrations.File{{Version: 2, Name: "00002_x.sql", SQL: "-- why\n\n" + sql + ";\n"}}
		found := schemalint.Files(files)
		require.Equal(t, []string{rule}, rules(found), sql)
		if rule == "syntax" {
			continue
		}
		require.Equal(t, 3, found[0].Line, sql)
		files[0].SQL = "-- lint: allow " + rule + "\n" + sql
		if rule == "transaction-nesting" {
			require.Len(t, schemalint.Files(files), 1, "nothing allows what cannot run")
			continue
		}
		require.Empty(t, schemalint.Files(files), sql)
		files[0].SQL = sql
		require.Empty(t, schemalint.Files(files, rule), sql)
	}
}

func TestWhatIsQuickIsTaken(t *testing.T) {
	t.Parallel()
	require.Empty(t, schemalint.Files([]migrations.File{
		{Version: 2, Name: "00002_x.sql", SQL: `
			ALTER TABLE :"schema".users ADD COLUMN phone text, ADD COLUMN n int NOT NULL DEFAULT 0, ADD COLUMN at timestamptz DEFAULT now();
			ALTER TABLE :"schema".users ADD CONSTRAINT c CHECK (phone <> '') NOT VALID;
			CREATE TABLE :"schema".visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid REFERENCES :"schema".users);
			CREATE INDEX ON :"schema".visits (user_id);
			GRANT SELECT ON :"schema".visits TO :"role";
			UPDATE :"schema".users SET phone = '' WHERE id IS NULL;`},
		{Version: 3, Name: "00003_y.sql", SQL: `CREATE UNIQUE INDEX ON :"schema".visits (id); ALTER TABLE :"schema".visits ADD UNIQUE (user_id);`},
	}))
	template, err := migrations.Tenant()
	require.NoError(t, err)
	require.Empty(t, schemalint.Files(template.Files), "the template itself")
}
