-- +goose Up

-- What the links of welcome mails are derived from where INVITATION_SECRET is
-- not set: 256 bits, of which 244 are random, made here and once, so that all
-- workers have the same.
ALTER TABLE installation ADD COLUMN invitation_key bytea NOT NULL
    DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- +goose Down
ALTER TABLE installation DROP COLUMN invitation_key;
