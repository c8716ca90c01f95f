-- Conversions are purchases by Meta's default attribution, a click within seven
-- days or a view within one; leads, installs and the other actions are columns of
-- the tables themselves.

-- branch of performance
SELECT date, account_id, campaign_id, campaign_name, impressions, clicks, spend,
  purchases AS conversions, purchase_value AS conversions_value, currency,
  _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM campaign_insights;

-- branch of ad_group_performance
SELECT date, account_id, campaign_id, campaign_name, ad_set_id AS ad_group_id, ad_set_name AS ad_group_name,
  impressions, clicks, spend,
  purchases AS conversions, purchase_value AS conversions_value, currency,
  _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_set_insights;

-- branch of ad_performance
SELECT date, account_id, campaign_id, campaign_name, ad_set_id AS ad_group_id, ad_set_name AS ad_group_name,
  ad_id, ad_name, impressions, clicks, spend,
  purchases AS conversions, purchase_value AS conversions_value, currency,
  _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_insights;

-- branch of campaigns
SELECT account_id, id AS campaign_id, name AS campaign_name, objective AS campaign_type,
  status, effective_status = 'ACTIVE' AS active, daily_budget, currency
FROM campaigns;

-- branch of conversions
SELECT date, account_id, campaign_id, campaign_name, 'omni_purchase' AS action_type, purchases AS conversions,
  purchase_value AS conversions_value, currency, _finality AS finality
FROM campaign_insights WHERE purchases IS NOT NULL
UNION ALL
SELECT date, account_id, campaign_id, campaign_name, 'lead', leads, NULL, currency, _finality FROM campaign_insights WHERE leads IS NOT NULL
UNION ALL
SELECT date, account_id, campaign_id, campaign_name, 'omni_app_install', app_installs, NULL, currency, _finality FROM campaign_insights WHERE app_installs IS NOT NULL
UNION ALL
SELECT date, account_id, campaign_id, campaign_name, 'omni_complete_registration', complete_registrations, NULL, currency, _finality
FROM campaign_insights WHERE complete_registrations IS NOT NULL
UNION ALL
SELECT date, account_id, campaign_id, campaign_name, 'omni_add_to_cart', add_to_cart, NULL, currency, _finality FROM campaign_insights WHERE add_to_cart IS NOT NULL
UNION ALL
SELECT date, account_id, campaign_id, campaign_name, 'omni_initiated_checkout', initiate_checkouts, NULL, currency, _finality
FROM campaign_insights WHERE initiate_checkouts IS NOT NULL;
