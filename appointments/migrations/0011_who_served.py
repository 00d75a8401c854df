"""Who served in earlier stays, as far as it can be known: whoever serves at the place now."""

from django.db import migrations

FILL = """
UPDATE appointments_queueentry e SET served_by_id = p.provider_id
FROM appointments_servicepoint p
WHERE p.tenant_id = e.tenant_id AND p.id = e.service_point_id AND e.started_at IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("appointments", "0010_served_by")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
