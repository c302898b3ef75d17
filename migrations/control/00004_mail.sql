-- +goose Up

CREATE TABLE emails (
    -- The id travels with the mail as a custom argument, by which the provider
    -- is asked after a doubt.
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    operation_id uuid NOT NULL REFERENCES operations,
    template    text NOT NULL,
    state       text NOT NULL CHECK (state IN ('PENDING', 'SENDING', 'SENT', 'UNKNOWN', 'FAILED')),
    provider    text,
    provider_id text,
    attempts    integer NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    -- When the last request to the provider was about to leave. A doubt is as
    -- old as that.
    left_at     timestamptz,
    sent_at     timestamptz,
    UNIQUE (operation_id, template)
);
CREATE INDEX emails_of_tenant ON emails (tenant_id);
CREATE INDEX emails_sending ON emails (updated_at) WHERE state = 'SENDING';

-- One-time links by which a first password is set. Only the token's hash is
-- kept; the token itself is derived anew when a mail must be repeated.
CREATE TABLE invitations (
    token_hash bytea PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    user_id    uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX invitations_of_tenant ON invitations (tenant_id);

-- +goose Down
DROP TABLE invitations, emails;
