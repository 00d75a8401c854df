"""Patient search: its index and the one function that reads it.

Row-level security hides the trigram index from ordinary queries, because ILIKE and similarity are
not leakproof.  The function runs as the tables' owner and therefore checks the tenant itself.
"""

from django.contrib.postgres.operations import BtreeGinExtension, UnaccentExtension
from django.db import migrations

TEXT = """
CREATE FUNCTION patients_fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT lower(public.unaccent('public.unaccent'::regdictionary, value))
$$;
CREATE FUNCTION patients_search_text(
    first_name text, last_name text, mrn text, phone text, second_phone text
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT ' ' || public.patients_fold(first_name || ' ' || last_name) || ' '
        || translate(lower(mrn) || ' ' || phone || ' ' || second_phone, '+./_-', '') || ' '
$$;
CREATE INDEX patientprofile_by_text ON patients_patientprofile USING gin (
    tenant_id, patients_search_text(first_name, last_name, mrn, phone, second_phone) gin_trgm_ops
);
"""
DROP_TEXT = """
DROP INDEX patientprofile_by_text;
DROP FUNCTION patients_search_text(text, text, text, text, text);
DROP FUNCTION patients_fold(text);
"""

# Words with three letters in a row are found anywhere, others at the start of a word: they hold no
# whole trigram.  Close spellings follow where few fit exactly, and slipped neighbouring
# letters, which cost a short word most of its trigrams, where nothing else fits.
# rank: from 1 for what fits exactly, below 1 for a close spelling.
SEARCH = r"""
CREATE FUNCTION patients_search(words text[], born date[], max_rows integer)
RETURNS TABLE (patient_id bigint, rank real)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET pg_trgm.word_similarity_threshold = 0.5
AS $$
DECLARE
    active bigint := NULLIF(current_setting('app.tenant_id', true), '')::bigint;
    folded text[] := ARRAY(
        SELECT left(patients_fold(w), 40) FROM unnest(words) WITH ORDINALITY AS t(w, n)
        WHERE patients_fold(w) <> '' ORDER BY n LIMIT 6
    );
    escaped text[] := ARRAY(
        SELECT regexp_replace(w, '([\\%_])', '\\\1', 'g') FROM unnest(folded) AS t(w)
    );
    query constant text :=
        'SELECT id, (%s)::real AS points FROM (SELECT id, last_name, first_name, body'
        ' FROM patients_patientprofile, LATERAL (SELECT %s AS body OFFSET 0) AS text'
        ' WHERE tenant_id = $1 AND is_active %s LIMIT 3000) AS found'
        ' ORDER BY points DESC, last_name, first_name, id LIMIT $2';
    body constant text := 'patients_search_text(first_name, last_name, mrn, phone, second_phone)';
    by_birth text := '';
    exact text := '';
    alike text := '';
    slipped text := '';
    points text := '1';
    likeness text := '0';
    slips text;
    found_rows integer;
BEGIN
    IF active IS NULL THEN
        RAISE EXCEPTION 'patients_search outside a tenant' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF cardinality(born) > 0 THEN
        by_birth := ' AND birth_date = ANY ($3)';
    ELSIF cardinality(folded) = 0 THEN
        RETURN;
    END IF;
    FOR i IN 1 .. cardinality(folded) LOOP
        exact := exact || format(
            ' AND %s LIKE %L', body,
            CASE WHEN folded[i] ~ '[[:alnum:]]{3}' THEN '%' ELSE '% ' END || escaped[i] || '%');
        points := points || format(
            ' + (position(%L IN body) > 0)::int + (position(%L IN body) > 0)::int',
            ' ' || folded[i], ' ' || folded[i] || ' ');
        IF folded[i] ~ '^[^0-9%_\\]{4,}$' THEN
            SELECT string_agg(format(' OR %s LIKE %L', body, '% ' || variant || '%'), '')
            INTO slips FROM (
                SELECT overlay(folded[i] PLACING reverse(substr(folded[i], n, 2)) FROM n FOR 2)
                FROM generate_series(1, least(length(folded[i]), 8) - 1) AS n
                UNION
                SELECT overlay(folded[i] PLACING '_' FROM n FOR 1)
                FROM generate_series(1, length(folded[i])) AS n
                WHERE length(folded[i]) IN (5, 6)
            ) AS variants (variant);
            alike := alike || format(' AND %L <%% %s', folded[i], body);
            slipped := slipped || format(' AND (%L <%% %s%s)', folded[i], body, slips);
            likeness := likeness || format(' + word_similarity(%L, body)', folded[i]);
        ELSE
            alike := alike || format(' AND %s LIKE %L', body, '%' || escaped[i] || '%');
            slipped := slipped || format(' AND %s LIKE %L', body, '%' || escaped[i] || '%');
            likeness := likeness || ' + 1';
        END IF;
    END LOOP;
    RETURN QUERY EXECUTE format(query, points, body, exact || by_birth)
        USING active, max_rows, born;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows >= 5 OR likeness NOT LIKE '%word_similarity%' THEN
        RETURN;
    END IF;
    likeness := format('0.99 * (%s) / %s', likeness, cardinality(folded));
    RETURN QUERY EXECUTE format(
        query, likeness, body, alike || by_birth || format(' AND NOT (true %s)', exact)
    ) USING active, max_rows - found_rows, born;
    IF found_rows = 0 AND NOT FOUND THEN
        RETURN QUERY EXECUTE format(query, likeness, body, slipped || by_birth)
            USING active, max_rows, born;
    END IF;
END $$;
REVOKE ALL ON FUNCTION patients_search(text[], date[], integer) FROM PUBLIC;
"""
DROP_SEARCH = "DROP FUNCTION patients_search(text[], date[], integer);"


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial")]
    operations = [
        BtreeGinExtension(),
        UnaccentExtension(),
        migrations.RunSQL(TEXT, DROP_TEXT),
        migrations.RunSQL(SEARCH, DROP_SEARCH),
    ]
