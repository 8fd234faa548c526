-- Goals for the chain, regions, stores, roles and single members of staff, by month or quarter; and the three indicators that sales and service answer.
CREATE TABLE crm.target (
    target_id bigint PRIMARY KEY,
    metric text NOT NULL,               -- of crm._report_target_metrics()
    unit text NOT NULL CHECK (unit IN ('week', 'month', 'quarter')),
    starts_on date NOT NULL,            -- first day of its week, month or quarter
    place text NOT NULL CHECK (place IN ('chain', 'region', 'store', 'staff', 'role')),
    ref_id int NOT NULL,                -- region, store or member of staff; 0 for the chain and roles
    role text NOT NULL,                 -- of a role: whose each member has the goal; else empty
    goal numeric NOT NULL CHECK (goal > 0 AND goal < 1e12),
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    UNIQUE (metric, unit, starts_on, place, ref_id, role));
SELECT crm._access_protect_closed('crm.target');
CREATE INDEX ticket_opened ON crm.ticket (opened_at);

UPDATE crm.indicator SET name_zh = '线索转化周期（天）', name_en = 'lead conversion time, days', definition = 'median days from opening to winning, of the deals won in the period' WHERE indicator = 'lead_time';
UPDATE crm.indicator SET definition = 'mean stars, by five, that customers gave to tickets first settled in the period' WHERE indicator = 'satisfaction';
UPDATE crm.indicator SET name_zh = '服务响应（分钟）', name_en = 'service response, minutes', unit = 'minutes', definition = 'median minutes from opening to the first answer, of the tickets opened in the period that are answered' WHERE indicator = 'service_response';
