"""Extensions and functions that later migrations rely on."""

from django.contrib.postgres.operations import BtreeGistExtension, TrigramExtension
from django.db import migrations

AUDIT_ROW = """
CREATE FUNCTION core_audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    hidden text[] := COALESCE(TG_ARGV, '{}'::text[]);
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - hidden END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - hidden END;
    was jsonb := old_row;
    is_now jsonb := new_row;
    tenant_column text := CASE TG_TABLE_NAME WHEN 'core_tenant' THEN 'id' ELSE 'tenant_id' END;
    tenant bigint := (COALESCE(new_row, old_row) ->> tenant_column)::bigint;
BEGIN
    IF tenant IS NULL OR (TG_TABLE_NAME = 'core_tenant' AND TG_OP = 'INSERT') THEN
        RETURN NULL;  -- a platform user, or a tenant that is only just made: nobody's trail
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key)
        INTO was, is_now
        FROM jsonb_each(old_row) o
        WHERE o.value IS DISTINCT FROM new_row -> o.key;
        IF was IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO core_auditevent (tenant_id, actor_id, action, "table", record_id, before, after)
    VALUES (
        tenant,
        NULLIF(current_setting('app.actor_id', true), '')::bigint,
        TG_OP, TG_TABLE_NAME,
        COALESCE((new_row ->> 'id')::bigint, (old_row ->> 'id')::bigint),
        was, is_now
    );
    RETURN NULL;
END $$;
"""

REFUSE_CHANGE = """
CREATE FUNCTION core_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        BtreeGistExtension(),
        TrigramExtension(),
        migrations.RunSQL(AUDIT_ROW, "DROP FUNCTION core_audit_row()"),
        migrations.RunSQL(REFUSE_CHANGE, "DROP FUNCTION core_refuse_change()"),
    ]
