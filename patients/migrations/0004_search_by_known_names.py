"""Close spellings by the names that exist, instead of by likeness to every patient.

A tenant has far fewer different names than patients, so the true edit distance of a misspelt word
to each of them is known in a few milliseconds; patients are then found by the names meant.
"""

from importlib import import_module

from django.contrib.postgres.operations import CreateExtension
from django.db import migrations

before = import_module("patients.migrations.0002_search")

# Kept, because a trigram index is lossy: each row it yields is checked again, once for every name
# that may have been meant, and folding the text anew takes longer than all the rest.
TEXT = """
DROP INDEX patientprofile_by_text;
ALTER TABLE patients_patientprofile ADD COLUMN search_text text GENERATED ALWAYS AS (
    patients_search_text(first_name, last_name, mrn, phone, second_phone)
) STORED;
CREATE INDEX patientprofile_by_text ON patients_patientprofile USING gin (
    tenant_id, search_text gin_trgm_ops
);
"""
DROP_TEXT = """
ALTER TABLE patients_patientprofile DROP COLUMN search_text;
CREATE INDEX patientprofile_by_text ON patients_patientprofile USING gin (
    tenant_id, patients_search_text(first_name, last_name, mrn, phone, second_phone) gin_trgm_ops
);
"""

# Words of one or two letters are left out: nobody looks for a misspelling of them.
NAMES = """
CREATE FUNCTION patients_add_known_names() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO patients_knownname (tenant_id, word)
    SELECT DISTINCT tenant_id, left(word, 64)
    FROM fresh,
        regexp_split_to_table(patients_fold(first_name || ' ' || last_name), '[[:space:]-]+')
            AS word
    WHERE length(word) >= 3
    ORDER BY tenant_id, left(word, 64)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER knownname_of_new AFTER INSERT ON patients_patientprofile
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION patients_add_known_names();
CREATE TRIGGER knownname_of_changed AFTER UPDATE ON patients_patientprofile
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION patients_add_known_names();
INSERT INTO patients_knownname (tenant_id, word)
    SELECT DISTINCT tenant_id, left(word, 64)
    FROM patients_patientprofile,
        regexp_split_to_table(patients_fold(first_name || ' ' || last_name), '[[:space:]-]+')
            AS word
    WHERE length(word) >= 3;
"""
DROP_NAMES = """
DROP TRIGGER knownname_of_changed ON patients_patientprofile;
DROP TRIGGER knownname_of_new ON patients_patientprofile;
DROP FUNCTION patients_add_known_names();
"""

# The nearest first: slipped neighbouring letters count as one error, as does what is wrong in the
# typed beginning of a longer name.
MEANT = r"""
CREATE FUNCTION patients_meant(tenant bigint, typed text) RETURNS TABLE (word text, errors real)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT word, errors FROM (
        SELECT known.word::text, least(
            levenshtein_less_equal(known.word, typed, allowed),
            CASE WHEN known.word = ANY (slipped) THEN 1 END,
            CASE WHEN letters >= 5 AND length(known.word) > letters
                THEN nullif(levenshtein_less_equal(left(known.word, letters), typed, 1), 2) + 0.5 END
        )::real AS errors, allowed
        FROM patients_knownname AS known,
            LATERAL (SELECT length(typed) AS letters) AS l,
            LATERAL (SELECT CASE WHEN letters < 7 THEN 1 ELSE 2 END AS allowed) AS a,
            LATERAL (SELECT ARRAY(
                SELECT overlay(typed PLACING reverse(substr(typed, n, 2)) FROM n FOR 2)
                FROM generate_series(1, letters - 1) AS n
            ) AS slipped OFFSET 0) AS s
        WHERE known.tenant_id = tenant AND length(known.word) >= letters - 2
    ) AS each
    WHERE errors BETWEEN 0.5 AND allowed + 0.5  -- beyond its limit, levenshtein says limit + 1
    ORDER BY errors, abs(length(word) - length(typed)), word
    LIMIT 12
$$;
REVOKE ALL ON FUNCTION patients_meant(bigint, text) FROM PUBLIC;
"""
DROP_MEANT = "DROP FUNCTION patients_meant(bigint, text);"

# Words with three letters in a row are found anywhere, others at the start of a word: they hold no
# whole trigram.  Where few fit exactly, the names that were meant follow; where nothing does,
# whatever looks alike.
# rank: from 1 for what fits exactly, below 1 for a close spelling.
SEARCH = r"""
CREATE OR REPLACE FUNCTION patients_search(words text[], born date[], max_rows integer)
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
        'SELECT id, (%s)::real AS points FROM (SELECT id, last_name, first_name, search_text AS body'
        ' FROM patients_patientprofile WHERE tenant_id = $1 AND is_active %s LIMIT %s) AS found'
        ' ORDER BY points DESC, last_name, first_name, id LIMIT $2';
    by_birth text := '';
    exact text := '';
    meant text := '';
    alike text := '';
    points text := '1';
    nearness text := '0';
    likeness text := '0';
    fits text;
    others text;
    scores text;
    is_spelt boolean := false;
    found_rows integer;
    close_rows integer := 0;
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
            ' AND search_text LIKE %L',
            CASE WHEN folded[i] ~ '[[:alnum:]]{3}' THEN '%' ELSE '% ' END || escaped[i] || '%');
        points := points || format(
            ' + (position(%L IN body) > 0)::int + (position(%L IN body) > 0)::int',
            ' ' || folded[i], ' ' || folded[i] || ' ');
    END LOOP;
    RETURN QUERY EXECUTE format(query, points, exact || by_birth, 3000)
        USING active, max_rows, born;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows >= 5 THEN
        RETURN;
    END IF;
    FOR i IN 1 .. cardinality(folded) LOOP
        fits := format('search_text LIKE %L', '%' || escaped[i] || '%');
        IF folded[i] ~ '^[^0-9%_\\]{4,}$' THEN
            is_spelt := true;
            SELECT string_agg(format(' OR search_text LIKE %L', CASE
                    WHEN length(m.word) > 4 THEN '%' || m.pattern || '%'
                    ELSE '% ' || m.pattern || ' %' END), ''),
                string_agg(format(
                    ' WHEN position(%L IN body) > 0 THEN %s', m.word,
                    round((1 - m.errors / (length(folded[i]) + 1))::numeric, 3)
                ), '' ORDER BY m.errors)
            INTO others, scores FROM (
                SELECT *, regexp_replace(word, '([\\%_])', '\\\1', 'g') AS pattern
                FROM patients_meant(active, folded[i])
            ) AS m;
            alike := alike || format(' AND %L <%% search_text', folded[i]);
            likeness := likeness || format(' + word_similarity(%L, body)', folded[i]);
            nearness := nearness || format(
                ' + CASE WHEN position(%L IN body) > 0 THEN 1 %s ELSE 0 END', folded[i], scores);
            IF others IS NOT NULL THEN
                fits := format('(%s%s)', fits, others);
            END IF;
        ELSE
            alike := alike || ' AND ' || fits;
            likeness := likeness || ' + 1';
            nearness := nearness || ' + 1';
        END IF;
        meant := meant || ' AND ' || fits;
    END LOOP;
    IF NOT is_spelt THEN
        RETURN;
    END IF;
    IF meant <> exact THEN
        nearness := format('0.99 * (%s) / %s', nearness, cardinality(folded));
        RETURN QUERY EXECUTE format(
            query, nearness, meant || by_birth || format(' AND NOT (true %s)', exact), 3000
        ) USING active, max_rows - found_rows, born;
        GET DIAGNOSTICS close_rows = ROW_COUNT;
    END IF;
    IF found_rows = 0 AND close_rows = 0 THEN
        likeness := format('0.99 * (%s) / %s', likeness, cardinality(folded));
        RETURN QUERY EXECUTE format(query, likeness, alike || by_birth, 1000)
            USING active, max_rows, born;
    END IF;
END $$;
"""
# A session that has not used the extension yet may not name its settings.
WAKE = "SELECT public.similarity('', '')"
BACK = before.SEARCH.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("patients", "0003_known_names")]
    operations = [
        CreateExtension("fuzzystrmatch"),
        migrations.RunSQL(TEXT, DROP_TEXT),
        migrations.RunSQL(NAMES, DROP_NAMES),
        migrations.RunSQL(MEANT, DROP_MEANT),
        migrations.RunSQL(WAKE, WAKE),
        migrations.RunSQL(SEARCH, BACK),
        migrations.RunSQL(migrations.RunSQL.noop, WAKE),
    ]
