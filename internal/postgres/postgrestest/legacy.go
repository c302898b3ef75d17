package postgrestest

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// SharedPassword is the hash of the password that all administrators of the replaced
// application had: SHA-256 of "admin123" without salt.
const SharedPassword = "240be518fabd2724ddb6f04eeb1da5967448d7e831c08c8fa822809f74c720a9"

// Legacy makes the tables of the application that this one replaces, as far as an
// import reads them, in a schema.
func Legacy(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	q := pgx.Identifier{schema}.Sanitize()
	_, err := pool.Exec(ctx, fmt.Sprintf(`
		CREATE SCHEMA %[1]s;
		CREATE TABLE %[1]s.tenants (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(255) NOT NULL, schema_name varchar(63) NOT NULL, status varchar(20) NOT NULL,
			admin_email varchar(255) NOT NULL, contract_id varchar(56), created_at timestamptz NOT NULL DEFAULT now());
		CREATE TABLE %[1]s.provisioning_logs (
			id bigserial PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES %[1]s.tenants, step varchar(50) NOT NULL, status varchar(20) NOT NULL, duration_ms integer DEFAULT 0)`, q))
	return err
}

// LegacyTenant adds a row of the replaced application, and the tenant's schema with its
// roles, users and 1,000 patients; constraints are called as that application called
// them, there is no log, and two of its users know the shared password.
func LegacyTenant(ctx context.Context, pool *pgxpool.Pool, legacy, name, schema, email string) (id string, err error) {
	q := pgx.Identifier{schema}.Sanitize()
	if _, err := pool.Exec(ctx, fmt.Sprintf(`
		CREATE SCHEMA %[1]s;
		CREATE TABLE %[1]s.roles (name text, description text NOT NULL, CONSTRAINT "PK_f6d54f95c31b73fb1bdd8e91d0c" PRIMARY KEY (name));
		INSERT INTO %[1]s.roles VALUES ('admin', 'everything'), ('nurse', 'the wards');
		CREATE TABLE %[1]s.users (
			id uuid DEFAULT gen_random_uuid(), email text NOT NULL, first_name text NOT NULL, last_name text NOT NULL, role text NOT NULL, password_hash text,
			phone text, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
			CONSTRAINT "PK_a3ffb1c0c8416b9fc6f907b7433" PRIMARY KEY (id));
		INSERT INTO %[1]s.users (email, first_name, last_name, role, password_hash) VALUES
			('%[2]s', 'Ada', 'Lovelace', 'admin', '%[3]s'), ('florence@ward.example', 'Florence', 'Nightingale', 'nurse', '%[3]s'),
			('mary@ward.example', 'Mary', 'Seacole', 'nurse', '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy');
		CREATE TABLE %[1]s.patients (id integer PRIMARY KEY, name text NOT NULL, seen_by uuid REFERENCES %[1]s.users);
		INSERT INTO %[1]s.patients SELECT n, 'patient ' || n, (SELECT id FROM %[1]s.users WHERE email = '%[2]s') FROM generate_series(1, 1000) n`,
		q, email, SharedPassword)); err != nil {
		return "", err
	}
	return LegacyRow(ctx, pool, legacy, name, schema, email)
}

// LegacyRow adds a row of the replaced application alone.
func LegacyRow(ctx context.Context, pool *pgxpool.Pool, legacy, name, schema, email string) (id string, err error) {
	err = pool.QueryRow(ctx, `INSERT INTO `+pgx.Identifier{legacy, "tenants"}.Sanitize()+` (name, schema_name, status, admin_email, contract_id)
		VALUES ($1::text, $2::text, 'ACTIVE', $3::text, 'C' || upper(left(md5($2::text) || md5($1::text), 55))) RETURNING id::text`, name, schema, email).Scan(&id)
	return id, err
}
