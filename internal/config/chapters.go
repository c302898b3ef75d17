package config

// Chapter is what is said of settings that belong together.
type Chapter struct {
	Title   string
	Entries []Entry
}

// Entry is what is said of one setting, or of some that are set together. Its
// texts are Markdown, as docs/OPERATIONS.md has them.
type Entry struct {
	Names []string
	// Unset is what holds where a setting is not set, if it has no default: of each
	// name, or of all of them.
	Unset []string
	Means string
}

// Chapters has every setting of the Catalogue once, in the order in which people
// read them.
func Chapters() []Chapter {
	return []Chapter{
		{"The installation", installation},
		{"PostgreSQL", database},
		{"Redis: limits and cached answers", limits},
		{"Callers and their tokens", callers},
		{"Mail", mails},
		{"Stellar", ledger},
		{"Temporal", engine},
		{"How patient operations are", patience},
		{"Maintenance", maintenance},
		{"Backups", backups},
		{"The process", process},
	}
}

var installation = []Entry{
	{[]string{"NODE_ENV"}, nil, "`production` refuses weak secrets, a local network, missing `PAYLOAD_KEYS`"},
	{[]string{"APP_PORT", "APP_URL"}, nil, "`APP_URL` is what callers and mails see; required in production"},
	{[]string{"TRUSTED_PROXIES"}, []string{"the same machine"}, "addresses and networks, separated by commas, of the proxies before the api. Only their `X-Forwarded-For` says who the client is; of it counts the last address that is not one of theirs. **Name your ingress**: else all requests without a token count as one client, the ingress"},
	{[]string{"TENANT_APP_URL"}, nil, "base of the link in the welcome mail; `/invitations/` there must lead to the api"},
	{[]string{"STATUS_FILE"}, []string{"none"}, "the path of a file in which the api keeps what the page at `/status` knew last, for a restart while the database is away. One that cannot be written stops nothing, and is logged. See [Status page](#status-page)"},
	{[]string{"NOTIFY_EMAIL"}, []string{"nobody"}, "who is told of operations that need attention, of incidents, of a migration, backup or drill that has stopped or left tenants out, of a shortage of capacity, and when no worker is running; of all but the first once more when it is over. Only the api can send the last: give it the `MAIL_` settings too"},
	{[]string{"NOTIFY_WEBHOOK"}, nil, "a URL that gets the same as a JSON POST, and that a maintenance window overruns, also while mail is away, and from an api without mail settings; it is a secret. Give the api and the workers the same `NOTIFY_` settings: whichever sees first that something parked tells its own"},
	{[]string{
		"DB_SSLROOTCERT", "REDIS_SSLROOTCERT", "MAIL_SSLROOTCERT", "MAIL_BACKUP_SSLROOTCERT", "SOROBAN_RPC_SSLROOTCERT", "JWT_JWKS_SSLROOTCERT", "NOTIFY_WEBHOOK_SSLROOTCERT",
	}, []string{"the system's"}, "the path of a PEM file (or its content) with the authorities that sign that server's certificate; no other is trusted then. SMTP insists on TLS with it, Redis needs `REDIS_TLS=true`. Temporal: `TEMPORAL_TLS_SERVER_CA_CERT_PATH` or `TEMPORAL_TLS_SERVER_CA_CERT_DATA`. Read at the start"},
}

var database = []Entry{
	{[]string{"DB_HOST", "DB_PORT", "DB_USERNAME", "DB_PASSWORD", "DB_NAME"}, nil, "the user makes schemas and roles. `DB_HOST` may be several, with commas: the first that takes writes is used"},
	{[]string{"DB_SSLMODE"}, nil, "`verify-full` checks whom it talks to, and is the default with `DB_SSLROOTCERT`"},
	{[]string{"DB_SSLCERT", "DB_SSLKEY"}, nil, "PEM files of a certificate of our own, for a server that asks for one"},
	{[]string{"DB_MAX_CONNS"}, nil, "of one process's pool; a worker takes 5 more, an api 1: the sum must stay below `max_connections`"},
	{[]string{"DB_DISK_BYTES"}, []string{"the disk is not judged"}, "how large the disk is that has the databases and their write-ahead log, in bytes. Nine tenths full (or with 20 GiB left), [provisioning waits](runbooks/capacity.md)"},
}

var limits = []Entry{
	{[]string{"REDIS_HOST", "REDIS_PORT", "REDIS_TLS"}, nil, "rate limits and cached answers only: may be lost at any time. One server, or any node of a cluster, which is recognised by itself; never a replica"},
	{[]string{"REDIS_USERNAME", "REDIS_PASSWORD"}, []string{"the user `default`", "none"}, "a user needs no more than `~tenant-provisioning:* +evalsha +eval +get +set +time`, `+info` for the metrics of Redis, in a cluster also `+cluster\\|slots`"},
	{[]string{"RATE_LIMIT_ENABLED", "RATE_LIMIT_REQUESTS", "RATE_LIMIT_WINDOW", "RATE_LIMIT_BURST"}, nil, "per client (the subject of a token, else the IPv4 address or the /64 of IPv6), over all processes of the api; while Redis cannot count, in each of them"},
	{[]string{"CACHE_ENABLED", "CACHE_MAX_AGE"}, nil, "whether answers that repeat are kept in Redis, and how old one may be at most. What the product changes is seen at once; what a person changes with psql after that time. They are sealed with a key that is derived from `installation.hash_key` and is never in Redis"},
	{[]string{"RATE_LIMIT_STREAMS"}, nil, "how many streams of events a client may have open at a time, in each process of the api; one more is 429"},
	{[]string{"RATE_LIMIT_WAITING"}, nil, "how many requests of a client may wait for an operation (`?wait=`) at a time, in each process of the api; one more is 429"},
}

var callers = []Entry{
	{[]string{"JWT_SECRET"}, nil, "≥ 64 characters, the same for api and `starter`; a new one ends all tokens. A worker needs it only after an upgrade, see `INVITATION_SECRET`"},
	{[]string{"JWT_EXPIRATION"}, nil, "of `starter token`; tokens cannot be revoked"},
	{[]string{"JWT_AUDIENCE", "JWT_ISSUER"}, []string{"`tenant-provisioning`", "any"}, "`aud` and `iss` that a token must have, ours and a provider's; `starter token` writes them. In production `JWT_AUDIENCE` is required with `JWT_JWKS_URL`"},
	{[]string{"JWT_JWKS_URL"}, nil, "tokens of your identity provider, with `sub`, `exp`, `aud` and a role; then the api can do without `JWT_SECRET`. See [Identity provider](#identity-provider)"},
	{[]string{"JWT_ROLE_CLAIM"}, []string{"`role`"}, "the claim that has the role or a list of roles, or the path to it: `roles` (Entra), `groups` (Okta), `realm_access.roles`, `resource_access.my-app.roles` (Keycloak), `https://your.example/roles` (Auth0)"},
}

var mails = []Entry{
	{[]string{"MAIL_TRANSPORT", "MAIL_HOST", "MAIL_PORT", "MAIL_USER", "MAIL_PASSWORD", "MAIL_FROM"}, []string{"by host", "", "", "none", "none", ""}, "`MAIL_TRANSPORT` is `sendgrid` where the host is SendGrid's, else `smtp`. `MAIL_PASSWORD` is the API key where SendGrid sends"},
	{[]string{"SENDGRID_BASE_URL"}, nil, "`https://api.eu.sendgrid.com` keeps data in the EU"},
	{[]string{"MAIL_HELO", "MAIL_BACKUP_HELO"}, []string{"the machine's full name, or its address"}, "how the worker greets an SMTP server; many refuse a name that DNS does not know"},
	{[]string{"MAIL_BACKUP_TRANSPORT", "MAIL_BACKUP_HOST", "MAIL_BACKUP_PORT", "MAIL_BACKUP_USER", "MAIL_BACKUP_PASSWORD"}, nil, "sends when the first cannot; without it mail waits"},
}

var ledger = []Entry{
	{[]string{"SOROBAN_NETWORK", "SOROBAN_RPC_URL", "SOROBAN_CONTRACT_DEPLOYER_SECRET"}, nil, "`public`, `testnet`, `local` or a passphrase; the address of an RPC server; the seed of the account that makes the contracts, on which their addresses depend. Never changed while operations are open. On `testnet` the URL may be left out: `https://soroban-testnet.stellar.org`"},
	{[]string{"SOROBAN_PAYER_SECRET"}, []string{"the deployer's"}, "the seed of the account that pays for every transaction"},
	{[]string{"SOROBAN_ADMIN_SECRET"}, []string{"the deployer's"}, "the seed of the contracts' administrator: contracts that are made name it, and it signs what suspends, resumes and ends one. `starter setup` makes its account, which pays nothing. For contracts that were made before, the deployer signs on"},
	{[]string{"SOROBAN_ADMIN_SIGNER"}, []string{"`SOROBAN_ADMIN_SECRET`"}, "who holds the administrator's key, so that no worker does: `ssh-agent:///path/of/socket?account=G…`, an ssh-agent whose socket each worker can open. While it is locked or away, what changes contracts waits: docs/runbooks/signer-away.md"},
	{[]string{"SOROBAN_PREVIOUS_ADMIN_SECRET"}, []string{"none"}, "the seed of the administrator before, until `starter stellar hand-over` has handed each contract over to the present one: docs/runbooks/rotate-keys.md"},
	{[]string{"SOROBAN_PREVIOUS_ADMIN_SIGNER"}, []string{"`SOROBAN_PREVIOUS_ADMIN_SECRET`"}, "the ssh-agent that holds the key of the administrator before, as `SOROBAN_ADMIN_SIGNER` has that of the present one"},
	{[]string{"SOROBAN_CHANNELS"}, nil, "about one deployment each per ledger; each holds 1 XLM"},
	{[]string{"SOROBAN_CHANNEL_SECRET"}, []string{"the deployer's"}, "the seed that the channel accounts are derived from"},
	{[]string{"SOROBAN_MAX_FEE"}, nil, "in stroops (20000000 are 2 XLM); what would cost more asks for attention"},
	{[]string{"SOROBAN_UPLOAD_MAX_FEE"}, nil, "the same for the upload of the contract's code, once per version: its rent is paid by the byte"},
	{[]string{"SOROBAN_KEEPER_MAX_FEE", "SOROBAN_KEEPER_MONTH"}, nil, "one transaction that keeps the code and contracts from being archived, which is also kept of the balance for it, and all of them within 30 days"},
	{[]string{"SOROBAN_OPERATION_MAX_FEE"}, nil, "what an operation may pay for one effect, such as its contract, with all transactions that a ledger held in vain; then it asks for attention"},
	{[]string{"SOROBAN_DAY_MAX_FEE"}, nil, "what may be paid within 24 hours; then all work on the ledger waits, and `LedgerDayLimit` tells"},
}

var engine = []Entry{
	{[]string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_TASK_QUEUE"}, nil, "two more queues are derived: `-stellar`, `-email`"},
	{[]string{
		"TEMPORAL_API_KEY", "TEMPORAL_TLS", "TEMPORAL_TLS_SERVER_NAME", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_SERVER_CA_CERT_DATA",
		"TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_DATA", "TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_CLIENT_KEY_DATA",
		"TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "TEMPORAL_CLIENT_AUTHORITY", "TEMPORAL_GRPC_META_*",
	}, nil, "TLS, API key and headers, with the meaning that the Temporal SDK gives them. `_PATH` is a file, `_DATA` its content"},
	{[]string{"TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE"}, nil, "the SDK's TOML file, and what to take of it; the environment goes before it. None in the home directory is read"},
	{[]string{"TEMPORAL_CODEC_ENDPOINT", "TEMPORAL_CODEC_AUTH"}, nil, "a remote codec of the SDK's; `PAYLOAD_KEYS` needs none"},
	{[]string{"TEMPORAL_WORKER_VERSIONING", "TEMPORAL_WORKER_BUILD_ID", "TEMPORAL_DEPLOYMENT_NAME"}, nil, "see [Upgrade and roll back](#upgrade-and-roll-back)"},
	{[]string{"TEMPORAL_RETENTION"}, nil, "how long a closed run can be looked at; set by `starter setup`"},
	{[]string{"PAYLOAD_KEYS"}, nil, "encrypts what Temporal stores; the first encrypts, all decrypt. A new key goes last everywhere, then first (*Changing the payload key*). Temporal Web UI and `temporal` then need `starter codec`"},
}

var patience = []Entry{
	{[]string{"STEP_RETRY_BUDGET"}, nil, "how long a step may fail before it parks: its failed attempts and the pauses after them. Waiting for a worker, a lost attempt, and waiting for a turn use nothing of it; for operations accepted from then on"},
	{[]string{"ATTENTION_DEADLINE"}, nil, "when a parked operation is decided by itself. Of a suspension or an archive that is not done, and of a purge at a step that must be done, people are only told again. It is also how long an archived tenant stays, at least, after a purge of it was rolled back. A deadline that ends in an incident of what the step needs, or more than five minutes before a worker was there to see it, begins anew"},
	{[]string{"INVITATION_TTL"}, nil, "how long the mail's link works"},
	{[]string{"LOG_RETENTION", "AUDIT_RETENTION"}, nil, "how long provisioning logs stay in the database before they move to the backup store, but for those of each tenant's latest operation; how long the audit log is kept. `starter logs --since` finds both, wherever they are"},
	{[]string{"DELETE_GRACE"}, nil, "how long an archived tenant can be taken back, for archives that are done from then on; the mail to its administrator says until when"},
	{[]string{"INVITATION_SECRET"}, []string{"a random key in the database"}, "what workers derive the links of mails from, ≥ 32 characters, not `JWT_SECRET`; several with commas between them, the one for new links first. See [Links of welcome mails](#links-of-welcome-mails)"},
}

var maintenance = []Entry{
	{[]string{"MAINTENANCE_WINDOW"}, nil, "when the regular window of each month is, in UTC: `first`, `second`, `third`, `fourth` or `last`, a day of the week, and from when to when; `off` for none. A change reaches the windows that nobody was told of and no person has decided about. See [Maintenance windows](#maintenance-windows)"},
	{[]string{"MAINTENANCE_MODE"}, nil, "`read-only` refuses changes with 503 during windows that were not planned with a mode of their own, and starts nothing; `normal` lets everybody work on. The same for api and worker"},
	{[]string{"MAINTENANCE_NOTICES"}, nil, "who gets a mail 24 hours before: `staff` is `NOTIFY_EMAIL`, `all` the administrators of active tenants too, five a second"},
	{[]string{"MAINTENANCE_RUNNING"}, nil, "`wait` has the tasks of a read-only window wait for the operations that run when it begins, for half of the window at most; `go-on` does them beside"},
	{[]string{"MAINTENANCE_ITEMS"}, []string{"none"}, "what people do in regular windows, and tick: `starter maintenance tick`. A window in which one is left open overruns"},
}

var backups = []Entry{
	{[]string{"BACKUP_URL"}, []string{"no backups are made"}, "where they go, and old logs: `file:///directory`, or `s3://bucket/prefix?endpoint=https://…` for any store that speaks S3. Two installations need two prefixes"},
	{[]string{"BACKUP_SCHEDULE"}, nil, "when the daily backup begins, in UTC. `starter setup` schedules it"},
	{[]string{"BACKUP_RECIPIENTS"}, nil, "age public keys, comma-separated. The private half of any one of them opens every backup; nothing else does. Required with `BACKUP_URL`. A tenant's key is encrypted to those that were set at its first backup, until `starter backup rewrap` encrypts it to others"},
	{[]string{"BACKUP_IDENTITY"}, []string{"this worker opens no backup"}, "the private half of one of them, only where backups are verified and restored: that worker polls the task queue `<queue>-restore`. Keep a copy where neither the database nor the store is"},
	{[]string{"BACKUP_SIGNING_KEY", "BACKUP_VERIFY_KEYS"}, []string{"none", "none but its own"}, "what signs backups, the same for all workers and required with `BACKUP_URL`, and the public halves of those that signed before it: a backup with another signature is refused"},
	{[]string{"BACKUP_ACCESS_KEY", "BACKUP_SECRET_KEY"}, []string{"the SDK's own sources, such as a pod's role"}, "of a bucket, for the worker. The key needs to list, read, write and delete"},
	{[]string{"BACKUP_READ_ACCESS_KEY", "BACKUP_READ_SECRET_KEY"}, []string{"the SDK's own sources, such as a pod's role"}, "of a bucket, for the api and `starter`, which read old logs there. A key that may read what is under `logs/` is enough"},
}

var process = []Entry{
	{[]string{"METRICS_ADDR"}, nil, "the worker's listener"},
	{[]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER",
	}, []string{"nothing is traced", "`OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces`", "none", "`http/protobuf`, and no other", "", ""}, "a collector that takes OTLP over HTTP (port 4318). See [Traces](#traces)"},
	{[]string{"LOG_LEVEL", "LOG_DIR"}, nil, "JSON on standard error; with `LOG_DIR` also in `LOG_DIR/<process>/combined.log` and `error.log`. One that cannot be used stops nothing. See [Logs](#logs)"},
}
