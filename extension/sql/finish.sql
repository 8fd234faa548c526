-- finish: last of all.  Functions belong to crm_owner, who is no superuser, and PUBLIC may
-- execute none; each room has granted its own by name before.  install, uninstall and the
-- functions that need a superuser stay with the superuser.
DO $finish$
DECLARE
    routine record;
BEGIN
    FOR routine IN
        SELECT p.oid::regprocedure AS signature, p.proname AS name, p.prokind AS kind
        FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
        WHERE p.pronamespace = 'crm'::regnamespace AND d.deptype = 'e'
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine.signature);
        IF routine.name NOT IN ('install', 'uninstall') THEN
            EXECUTE format('ALTER ROUTINE %s OWNER TO crm_owner', routine.signature);
        END IF;
    END LOOP;
END
$finish$;
