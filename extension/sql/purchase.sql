-- purchase: the packed history of purchases.
CREATE DOMAIN crm.purchase_history AS bytea;
