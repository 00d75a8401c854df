"""Logins are unique across tenants, so whether one is free must be asked across them."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION accounts_login_taken(login text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM accounts_user u WHERE u.username = lower(login))
$$;
REVOKE ALL ON FUNCTION accounts_login_taken(text) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_functions")]
    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION accounts_login_taken(text)")]
