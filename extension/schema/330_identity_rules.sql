-- What rules may ask of a person, and of those who belong to one.

-- Children, parents, partners, pets: whose birthday matters though they buy nothing themselves.
CREATE TABLE crm.related_person (
    customer_id bigint NOT NULL,        -- the id it was entered under, for ever: a merge moves nothing
    related_id bigint NOT NULL,
    relation text NOT NULL CHECK (relation IN ('child', 'partner', 'parent', 'pet', 'other')),
    name text NOT NULL DEFAULT '' CHECK (length(name) <= 100),
    sex char(1) CHECK (sex IN ('m', 'f')),
    birthday date,
    is_birthday_lunar boolean NOT NULL DEFAULT false,   -- told by the Chinese calendar: its year, month and day
    species text,                       -- of a pet
    is_current boolean NOT NULL DEFAULT true,
    entered_by text NOT NULL,
    entered_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, related_id));
CREATE INDEX related_person_birthday ON crm.related_person (birthday) WHERE is_current AND birthday IS NOT NULL;
-- names and birthdays in clear: read through functions only
SELECT crm._access_protect_closed('crm.related_person');

-- custom fields as rules name them: those anybody may see with a person, and those that are sensitive
CREATE VIEW crm.custom_field_plain WITH (security_invoker = true) AS SELECT f.code, f.name_zh, f.name_en FROM crm.custom_field f WHERE f.entity = 'member' AND NOT f.is_sensitive AND NOT f.is_derived;
CREATE VIEW crm.custom_field_sensitive WITH (security_invoker = true) AS SELECT f.code, f.name_zh, f.name_en FROM crm.custom_field f WHERE f.entity = 'member' AND f.is_sensitive;
SELECT crm._access_open('crm.custom_field_plain', 'crm.custom_field_sensitive');

SELECT crm._rule_source_put('person', 'identity', 'state', 'crm.customer', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": ["member"], "name_zh": "客户", "name_en": "person",
    "scope": {"status": ["active"]},
    "columns": {
        "sex": {"column": "sex", "type": "text"},
        "city": {"column": "city", "type": "text"},
        "channel": {"column": "channel", "type": "text"},
        "store": {"column": "home_store_id", "type": "text", "lookup": {"relation": "crm.store", "key": "store_id", "code": "code"}},
        "registered_on": {"column": "registered_on", "type": "date"},
        "records": {"column": "record_count", "type": "number"},
        "custom": {"column": "custom", "type": "json", "catalogue": {"relation": "crm.custom_field_plain", "code": "code"}}}}');
SELECT crm._rule_source_put('sensitive', 'identity', 'state', 'crm.customer_private', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": ["member"], "name_zh": "敏感资料", "name_en": "sensitive fields",
    "columns": {"custom": {"column": "custom", "type": "json", "catalogue": {"relation": "crm.custom_field_sensitive", "code": "code"}}}}');
-- the golden record's birthday, by the calendar it was told in
SELECT crm._rule_source_put('birthday', 'identity', 'state', 'crm.customer_private', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": ["member"], "name_zh": "本人生日", "name_en": "own birthday",
    "columns": {"day": {"column": "birthday", "type": "date", "lunar": "is_birthday_lunar"}}}');
SELECT crm._rule_source_put('related', 'identity', 'facts', 'crm.related_person', '{
    "key": "customer_id", "keyed": "ever", "as_of": "now", "facts": ["related"], "name_zh": "亲友与宠物", "name_en": "related persons and pets",
    "scope": {"is_current": true},
    "columns": {
        "relation": {"column": "relation", "type": "text"},
        "sex": {"column": "sex", "type": "text"},
        "species": {"column": "species", "type": "text"},
        "birthday": {"column": "birthday", "type": "date", "lunar": "is_birthday_lunar"}}}');
