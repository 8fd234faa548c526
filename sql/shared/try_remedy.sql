\set ECHO none
-- what a call answers, or the state, field and remedy of its error
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text; field text; remedy text;
BEGIN
    EXECUTE 'SELECT ' || call INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME, remedy = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, field, remedy);
END $$;
\set ECHO all
