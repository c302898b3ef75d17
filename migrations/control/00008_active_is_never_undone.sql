-- +goose Up

-- The rule that everything else relies on, where no program can get past it.
ALTER TABLE operations ADD CONSTRAINT operations_active_is_never_undone
    CHECK (NOT pivot_passed OR state NOT IN ('ROLLING_BACK', 'ROLLBACK_BLOCKED', 'ROLLED_BACK'));

-- +goose Down
ALTER TABLE operations DROP CONSTRAINT operations_active_is_never_undone;
