"""The line's numbering, and the look-ups that must cross tenants; those return keys only."""

from django.db import migrations

CREATE = """
CREATE VIEW appointments_lineposition WITH (security_invoker = true) AS
    SELECT e.id AS entry_id,
           row_number() OVER (
               PARTITION BY e.tenant_id, e.queue_id
               ORDER BY r.rank NULLS LAST, e.arrived_at, e.id
           )::integer AS position
    FROM appointments_queueentry e
    LEFT JOIN appointments_linerank r ON r.tenant_id = e.tenant_id AND r.entry_id = e.id
    WHERE e.status = 'WAITING';
CREATE FUNCTION appointments_locate_link(link_kind text, link_digest text)
RETURNS TABLE (tenant_id bigint, target_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT l.tenant_id, l.target_id FROM appointments_publiclink l
    JOIN core_tenant t ON t.id = l.tenant_id
    WHERE l.digest = link_digest AND l.kind = link_kind AND t.is_active
      AND l.revoked_at IS NULL AND (l.expires_at IS NULL OR l.expires_at > now())
$$;
CREATE FUNCTION appointments_queue_exists(key bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM appointments_waitingqueue q WHERE q.id = key)
$$;
REVOKE ALL ON FUNCTION appointments_locate_link(text, text), appointments_queue_exists(bigint)
    FROM PUBLIC;
"""
DROP = """
DROP FUNCTION appointments_locate_link(text, text), appointments_queue_exists(bigint);
DROP VIEW appointments_lineposition;
"""


class Migration(migrations.Migration):
    dependencies = [("appointments", "0005_live_queue")]
    operations = [migrations.RunSQL(CREATE, DROP)]
