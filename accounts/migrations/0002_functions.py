"""Look-ups that must cross tenants: who logs in, by name, token or key.  They return keys only."""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION accounts_locate_login(login text)
RETURNS TABLE (user_id bigint, tenant_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, u.tenant_id FROM accounts_user u
    LEFT JOIN core_tenant t ON t.id = u.tenant_id
    WHERE u.username = lower(login) AND u.is_active AND (t.id IS NULL OR t.is_active)
$$;
CREATE FUNCTION accounts_locate_user(key bigint)
RETURNS TABLE (user_id bigint, tenant_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, u.tenant_id FROM accounts_user u WHERE u.id = key AND u.is_active
$$;
CREATE FUNCTION accounts_locate_token(token_digest text)
RETURNS TABLE (user_id bigint, tenant_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.user_id, k.tenant_id FROM accounts_apitoken k
    JOIN accounts_user u ON u.id = k.user_id
    LEFT JOIN core_tenant t ON t.id = k.tenant_id
    WHERE k.digest = token_digest AND (k.expires_at IS NULL OR k.expires_at > now())
      AND u.is_active AND (t.id IS NULL OR t.is_active)
$$;
REVOKE ALL ON FUNCTION accounts_locate_login(text), accounts_locate_user(bigint),
    accounts_locate_token(text) FROM PUBLIC;
"""
DROP = """
DROP FUNCTION accounts_locate_login(text), accounts_locate_user(bigint),
    accounts_locate_token(text);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FUNCTIONS, DROP)]
