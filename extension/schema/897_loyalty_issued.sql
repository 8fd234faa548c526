-- What was issued in a span of days: coupons come one after the other, so a summary of ranges of pages finds them.
CREATE INDEX coupon_issued ON crm.coupon USING brin (issued_at) WITH (pages_per_range = 32, autosummarize = on);
