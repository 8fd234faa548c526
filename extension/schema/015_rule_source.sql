-- What rules may ask, as the rooms describe it: every identifier in a rule's statement comes from here.
CREATE TABLE crm.rule_source (
    kind text PRIMARY KEY,              -- the word a condition begins with: order, event, tag ...
    room text NOT NULL,
    shape text NOT NULL CHECK (shape IN ('state', 'facts', 'latest', 'history')),
    relation text NOT NULL,             -- crm.<table or view>
    spec jsonb NOT NULL);               -- key, columns, times: doc/rooms/rule.md

SELECT crm._access_open('crm.rule_source');
