-- Passwords and keys of a demonstration, drawn anew; prints "login LOGIN PASSWORD ROLE",
-- "key WHO KEY" and "receiver SECRET" lines.
\set ON_ERROR_STOP 1
CREATE TEMP TABLE chosen AS
    SELECT DISTINCT ON (s.role) s.code, s.login_name, s.role, substr(encode(crm._random_bytes(9), 'hex'), 1, 14) AS password
    FROM crm.staff s WHERE s.left_at IS NULL AND s.login_name IS NOT NULL ORDER BY s.role, s.code;
DO $$
DECLARE
    person record;
BEGIN
    FOR person IN SELECT * FROM chosen LOOP
        PERFORM crm.access_set_password(person.code, person.password);
    END LOOP;
END
$$;
SELECT 'login', login_name, password, role FROM chosen ORDER BY role;
SELECT 'key', 'till', crm.access_create_key('demonstration till', 'crm_till', 'counter');
SELECT 'key', 'steward', crm.access_create_key('demonstration imports', 'crm_steward');
SELECT 'key', 'marketer', crm.access_create_key('demonstration marketer', 'crm_marketer');
SELECT 'key', 'headquarters', crm.access_create_key('demonstration headquarters', 'crm_headquarters');
SELECT 'key', 'clerk', crm.access_create_key('demonstration counter', 'crm_clerk', NULL, (SELECT code FROM crm.store ORDER BY code LIMIT 1));
SELECT 'receiver', crm._decrypt('endpoint', secret_sealed) FROM crm.endpoint WHERE endpoint = 'local';
