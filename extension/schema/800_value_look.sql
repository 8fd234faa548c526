-- The days on which the job looks at persons are lists of persons, not an index of the row of value: four orders in ten move the day to an earlier one, and then
-- each index of the row was written. A person is in the list of crm.customer_value.look_on, and may be in older ones: the job asks the row.
CREATE TABLE crm.value_look (
    look_on date NOT NULL,
    look_id bigint NOT NULL,
    persons bigint[] NOT NULL,
    PRIMARY KEY (look_on, look_id));
SELECT crm._access_protect_closed('crm.value_look');
INSERT INTO crm.value_look (look_on, look_id, persons)
SELECT x.look_on, crm._new_id(), array_agg(x.customer_id ORDER BY x.customer_id)
FROM (SELECT v.look_on, v.customer_id, row_number() OVER (PARTITION BY v.look_on ORDER BY v.customer_id) / 200 AS part
      FROM crm.customer_value v WHERE v.look_on IS NOT NULL) x
GROUP BY x.look_on, x.part;
DROP INDEX crm.customer_value_look;
