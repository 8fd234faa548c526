-- What is needed to say what flows were worth.
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('campaign.global_holdout_percent', '0', 'so many percent of all persons get nothing from any flow: set it with crm.campaign_hold_out()'),
    ('campaign.global_holdout_since', '"2000-01-01"', 'the local day on which that share was last changed: kept by crm.campaign_hold_out()'),
    ('campaign.margin_percent', '0', 'margin of what customers pay, for the return on flows; 0: not known, and no return is told'),
    ('campaign.point_value', '0.01', 'currency units that a point costs');
