-- identity, what the columns of any query hold: kinds for crm.identity_link(), read from names and from a sample of values.

CREATE FUNCTION crm._identity_kind_of_name(name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN n ~ '(phone|mobile|tel|手机|电话)' THEN 'phone'
        WHEN n ~ '(e_?mail|邮箱|邮件)' THEN 'email'
        WHEN n ~ '(birth|dob|生日|出生)' THEN 'date'
        WHEN n ~ '(^sex$|gender|性别)' THEN 'sex'
        WHEN n ~ '(national_id|id_card|idcard|identity_no|身份证)' THEN 'id'
        WHEN n ~ '(post_?code|zip|邮编)' THEN 'postcode'
        WHEN n ~ '(given|first|forename)' OR n IN ('名', '名字') THEN 'given'
        WHEN n ~ '(surname|last_?name|^last$|family)' OR n IN ('姓', '姓氏') THEN 'surname'
        WHEN n ~ '(address|addr|street|地址|住址)' THEN 'address'
        WHEN n ~ '(name|姓名|客户|收件人|联系人)' AND n !~ '(nick|user|login|file|昵称)' THEN 'name'
        WHEN n ~ '(city|town|state|province|category|type|class|城市|省|区|类)' THEN 'class'
        ELSE NULL END
    FROM (SELECT lower(name) AS n) x $$;
COMMENT ON FUNCTION crm._identity_kind_of_name(text) IS
    'the kind of crm.identity_link() that a column''s name, Chinese or English, suggests; null when it says nothing';

-- What most values read as; names of columns only decide between kinds whose values look alike.
CREATE FUNCTION crm._identity_kind_of_values(told text[], suggested text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    share record;
BEGIN
    SELECT count(*) AS n, count(DISTINCT v) AS distinct_values,
           avg((v LIKE '%@%' AND (crm.identity_email(v)).address IS NOT NULL)::int) AS email,
           avg(((crm.identity_national_id(v)).number IS NOT NULL)::int) AS id,
           avg(((crm.identity_phone(v)).is_key OR v ~ '[ ()/.-]' AND v ~ '^[+(]?([0-9][ ()/.-]*){7,15}$')::int) AS phone,
           avg((v ~ '^[0-9]{4}[-/.年][0-9]{1,2}([-/.月][0-9]{1,2}日?)?$' OR v ~ '^[0-9]{1,2}[/.-][0-9]{1,2}[/.-]([0-9]{2}|[0-9]{4})$'
                OR v ~ '^(18|19|20)[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9]$')::int) AS date,
           avg((lower(v) IN ('m', 'f', 'male', 'female', '男', '女'))::int) AS sex,
           avg((v ~ '^-?[0-9]+([.][0-9]+)?$')::int) AS number,
           avg((length(v) BETWEEN 2 AND 12 AND (crm.identity_name(v)).surname IS NOT NULL)::int) AS han_name,
           avg((v ~ '[0-9０-９一二三四五六七八九十百]+ *(号|弄|室|幢|栋|单元|座|路|村)'
                       OR v ~* '^[0-9]+[a-z]? +[a-z]+|[a-z]+ +(st|street|rd|road|ave|avenue|lane|drive)')::int)
               AS address,
           avg((v ~ '[0-9]' AND v !~ '\s')::int) AS code
    INTO share
    FROM unnest(told) v;
    RETURN CASE
        WHEN share.n = 0 THEN coalesce(suggested, 'text')
        WHEN share.sex > 0.9 THEN 'sex'
        WHEN share.email > 0.5 THEN 'email'
        WHEN share.id > 0.5 THEN 'id'
        WHEN share.date > 0.6 AND suggested IS DISTINCT FROM 'phone' THEN 'date'
        WHEN share.phone > 0.5 AND suggested IS DISTINCT FROM 'postcode' THEN 'phone'
        WHEN share.address > 0.4 AND suggested IS DISTINCT FROM 'name' THEN 'address'
        WHEN suggested IN ('name', 'given', 'surname', 'address', 'postcode', 'date', 'phone') THEN suggested
        WHEN share.han_name > 0.8 THEN 'name'
        WHEN suggested = 'class' OR share.distinct_values <= 20 AND share.n >= 5 * share.distinct_values THEN 'class'
        WHEN share.number > 0.9 THEN 'number'
        WHEN share.code > 0.9 THEN 'code'
        ELSE 'text' END;
END
$$;
COMMENT ON FUNCTION crm._identity_kind_of_values(text[], text) IS
    'the kind that values of a column are, given what its name suggests';

CREATE FUNCTION crm.identity_link_kinds(query text) RETURNS text[]
    LANGUAGE plpgsql VOLATILE AS
$$
DECLARE
    kinds text[];
BEGIN
    IF query IS NULL THEN
        RAISE EXCEPTION 'a query is needed' USING ERRCODE = 'null_value_not_allowed', COLUMN = 'query',
            HINT = 'Give a query whose first column is a number of each row.';
    END IF;
    EXECUTE format($sql$
        WITH told AS (SELECT row_number() OVER () AS n, row_to_json(q) AS told FROM (SELECT * FROM (%s) any_rows LIMIT 2000) q),
        field AS (SELECT c.place, c.name, c.value FROM told t CROSS JOIN LATERAL json_each_text(t.told) WITH ORDINALITY c(name, value, place)),
        guessed AS (
            SELECT f.place,
                crm._identity_kind_of_values(array_agg(btrim(f.value)) FILTER (WHERE btrim(f.value) <> ''),
                                             crm._identity_kind_of_name(f.name)) AS kind
            FROM field f WHERE f.place > 1 GROUP BY f.place, f.name)
        SELECT array_agg(g.kind ORDER BY g.place) FROM guessed g$sql$, regexp_replace(query, ';\s*$', '')) INTO kinds;
    IF kinds IS NULL THEN
        RAISE EXCEPTION 'the query gives no rows or no columns to compare'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'query', HINT = 'Its first column is a number of each row, the others are what is compared.';
    END IF;
    RETURN kinds;
END
$$;
COMMENT ON FUNCTION crm.identity_link_kinds(text) IS
    'kinds for crm.identity_link() of the columns of a query but the first, guessed from their names (Chinese or English) and the values of two thousand rows; look at them before you trust them. Runs with the caller''s rights. 22004 without a query, 22023 when it gives no rows or only numbers of rows';
REVOKE ALL ON FUNCTION crm.identity_link_kinds(text) FROM PUBLIC;
