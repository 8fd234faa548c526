-- Recall and return are told of those whom flows chose, whatever stopped a message later, and whose 30 days are over when the period ends.
UPDATE crm.indicator i SET definition = d.definition
FROM (VALUES ('recall', 'of persons whom silence and win-back flows chose 30 days before the period, day by day, the share that had an order day within 30 days, less that of their control arm'),
             ('roi', 'what these persons paid net within the 30 days beyond as many of the control arm (redeemed coupons are off it; by campaign.margin_percent when that is set), by the value of redeemed coupons')) d (indicator, definition)
WHERE i.indicator = d.indicator;
