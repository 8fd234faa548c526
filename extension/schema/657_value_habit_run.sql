-- Habits are learnt in pieces: how far a run has come, and what the persons of the pieces so far bought.
CREATE TABLE crm.habit_run (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    as_of date NOT NULL,
    persons_to bigint NOT NULL,         -- persons up to here have been looked at; the greatest number: all
    products_to int NOT NULL,           -- products up to here have been learnt
    buyers bigint NOT NULL);
CREATE TABLE crm.habit_owner (
    customer_id bigint NOT NULL,
    product_id int NOT NULL,
    PRIMARY KEY (customer_id, product_id));
CREATE INDEX habit_owner_product ON crm.habit_owner (product_id);
CREATE TABLE crm.habit_buyers (         -- counted as the pieces come, so that no product's owners are counted again
    product_id int PRIMARY KEY,
    persons bigint NOT NULL);           -- of crm.habit_owner; 0: bought only by who has a hundred later products
CREATE TABLE crm.habit_gap (
    customer_id bigint NOT NULL,
    product_id int NOT NULL,
    day date NOT NULL,
    gap numeric NOT NULL,               -- days to the next purchase, a unit of the quantity bought
    PRIMARY KEY (customer_id, product_id, day));
CREATE INDEX habit_gap_product ON crm.habit_gap (product_id);
SELECT crm._access_protect_closed('crm.habit_run', 'crm.habit_owner', 'crm.habit_buyers', 'crm.habit_gap');
