-- +goose Up

-- What a tenant's schema lacks of its first rows, in words; nothing where it
-- cannot be told, since a table is not there or locked: that is for others to
-- tell, or for the next look.
-- +goose StatementBegin
CREATE FUNCTION seed_missing(schema text, seed text[], invited uuid[]) RETURNS text
LANGUAGE plpgsql STABLE SET lock_timeout = '1s' AS $$
DECLARE missing text;
BEGIN
    EXECUTE format($q$
        SELECT string_agg(what, ', ') FROM (
            SELECT 'the role ' || s AS what FROM unnest($1) s WHERE NOT EXISTS (SELECT FROM %1$I.roles r WHERE r.name = s)
            UNION ALL
            SELECT 'an administrator' WHERE NOT EXISTS (SELECT FROM %1$I.users u WHERE u.role = 'admin')
            UNION ALL
            SELECT 'the user ' || i || ', who is invited' FROM unnest($2) i WHERE NOT EXISTS (SELECT FROM %1$I.users u WHERE u.id = i)
        ) lacking $q$, schema) INTO missing USING seed, invited;
    RETURN missing;
EXCEPTION WHEN undefined_table OR undefined_column OR invalid_schema_name OR insufficient_privilege OR lock_not_available THEN
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION seed_missing;
