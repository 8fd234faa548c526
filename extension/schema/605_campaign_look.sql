-- When a flow of birthdays last looked at everybody whose day it is, and how far: until something may have changed, it looks at newcomers alone.
CREATE TABLE crm.flow_look (
    flow_id int PRIMARY KEY REFERENCES crm.flow,
    version int NOT NULL,
    looked_at timestamptz NOT NULL,     -- at everybody
    newest_id bigint NOT NULL);         -- of the persons looked at
SELECT crm._access_protect_closed('crm.flow_look');
