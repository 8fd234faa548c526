-- What a template says beyond its text: for e-mail, and for vendors that send approved texts alone.
ALTER TABLE crm.template
    ADD COLUMN subject text,            -- of an e-mail
    ADD COLUMN html text,               -- of an e-mail; values are escaped, the markup is the template's
    ADD COLUMN vendor_template text,    -- the vendor's id of the approved text
    ADD COLUMN vendor_params jsonb;     -- its placeholders: {"code": "{{coupon_code}}"}, or in their order ["{{name}}", ...]
