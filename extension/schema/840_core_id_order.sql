-- Each session drew twenty ids at a time, so that one which had drawn before wrote smaller ids later: what asks
-- which of two rows of a person came first asked by their ids (which merge an unmerge undoes, which change came last).
-- Ids of one person's rows are drawn under the person's lock; drawn one by one they are in the order of the writes.
ALTER SEQUENCE crm.id_seq CACHE 1;
