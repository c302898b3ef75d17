-- +goose Up

-- Of an installation that was restored from backups and is not live yet: how far it is,
-- the backup of the control tables that it was restored from, and the moment whose state
-- that holds. Null of one that is live. filling: not all tenants are there yet; restored:
-- they are; clone: it never goes live.
ALTER TABLE installation
    ADD COLUMN not_live      text CHECK (not_live IN ('filling', 'restored', 'clone')),
    ADD COLUMN restored_from uuid,
    ADD COLUMN restored_as_of timestamptz,
    ADD COLUMN went_live_at  timestamptz;

-- What an installation that is not live must not do, where no program can get past it:
-- have a run take an operation, sign a transaction, send a mail. TP006: it is not live.
-- +goose StatementBegin
CREATE FUNCTION refuse_until_live() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM installation WHERE not_live IS NOT NULL) THEN
        RAISE EXCEPTION 'the installation was restored and is not live' USING ERRCODE = 'TP006';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER operations_wait_until_live BEFORE UPDATE OF state, dispatch_after, run_id ON operations
    FOR EACH ROW WHEN (NEW.state = 'RUNNING' OR NEW.state = 'ROLLING_BACK' OR NEW.dispatch_after > OLD.dispatch_after)
    EXECUTE FUNCTION refuse_until_live();
CREATE TRIGGER stellar_transactions_wait_until_live BEFORE INSERT ON stellar_transactions
    FOR EACH ROW EXECUTE FUNCTION refuse_until_live();
CREATE TRIGGER emails_wait_until_live BEFORE UPDATE OF state ON emails
    FOR EACH ROW WHEN (NEW.state = 'SENDING') EXECUTE FUNCTION refuse_until_live();
CREATE TRIGGER notices_wait_until_live BEFORE UPDATE OF state ON notices
    FOR EACH ROW WHEN (NEW.state = 'SENDING') EXECUTE FUNCTION refuse_until_live();
CREATE TRIGGER maintenance_notices_wait_until_live BEFORE UPDATE OF state ON maintenance_notices
    FOR EACH ROW WHEN (NEW.state = 'SENDING') EXECUTE FUNCTION refuse_until_live();
CREATE TRIGGER fleet_runs_wait_until_live BEFORE INSERT ON fleet_runs
    FOR EACH ROW EXECUTE FUNCTION refuse_until_live();

-- +goose Down
DROP TRIGGER operations_wait_until_live ON operations;
DROP TRIGGER stellar_transactions_wait_until_live ON stellar_transactions;
DROP TRIGGER emails_wait_until_live ON emails;
DROP TRIGGER notices_wait_until_live ON notices;
DROP TRIGGER maintenance_notices_wait_until_live ON maintenance_notices;
DROP TRIGGER fleet_runs_wait_until_live ON fleet_runs;
DROP FUNCTION refuse_until_live;
ALTER TABLE installation DROP COLUMN went_live_at, DROP COLUMN restored_as_of, DROP COLUMN restored_from, DROP COLUMN not_live;
