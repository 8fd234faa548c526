-- What recomputes after facts gives way to an import: in the midst of it the same persons would be recomputed again and again.
UPDATE crm.job SET is_patient = true WHERE job IN ('segment.refresh', 'identity.golden', 'loyalty.points', 'value.age');
