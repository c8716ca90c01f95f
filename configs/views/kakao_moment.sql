-- Conversions are purchases, participations, registrations and applications within
-- seven days of a click, and installs; their value is that of the purchases. Whether
-- cost has value added tax in it Kakao does not publish: keep a line in ads.vat.

-- branch of performance
SELECT date, ad_account_id AS account_id, campaign_id, campaign_name,
  imp AS impressions, click AS clicks, cost AS spend,
  COALESCE(conv_purchase_7d, 0) + COALESCE(conv_participation_7d, 0) + COALESCE(conv_cmpt_reg_7d, 0)
  + COALESCE(conv_signup_7d, 0) + COALESCE(conv_app_install_7d, 0) AS conversions, conv_purchase_p_7d AS conversions_value,
  currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM campaign_performance;

-- branch of ad_group_performance
SELECT date, ad_account_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_group_name,
  imp AS impressions, click AS clicks, cost AS spend,
  COALESCE(conv_purchase_7d, 0) + COALESCE(conv_participation_7d, 0) + COALESCE(conv_cmpt_reg_7d, 0)
  + COALESCE(conv_signup_7d, 0) + COALESCE(conv_app_install_7d, 0) AS conversions, conv_purchase_p_7d AS conversions_value,
  currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_group_performance;

-- branch of ad_performance
SELECT date, ad_account_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_group_name, creative_id AS ad_id, creative_name AS ad_name,
  imp AS impressions, click AS clicks, cost AS spend,
  COALESCE(conv_purchase_7d, 0) + COALESCE(conv_participation_7d, 0) + COALESCE(conv_cmpt_reg_7d, 0)
  + COALESCE(conv_signup_7d, 0) + COALESCE(conv_app_install_7d, 0) AS conversions, conv_purchase_p_7d AS conversions_value,
  currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM creative_performance;

-- branch of campaigns
SELECT ad_account_id AS account_id, id AS campaign_id, name AS campaign_name, campaign_type, config AS status,
  config = 'ON' AS active, daily_budget_amount AS daily_budget, currency
FROM campaigns;

-- branch of conversions
SELECT date, ad_account_id AS account_id, campaign_id, campaign_name, 'conv_purchase_7d' AS action_type, conv_purchase_7d AS conversions,
  conv_purchase_p_7d AS conversions_value, currency, _finality AS finality
FROM campaign_performance WHERE conv_purchase_7d IS NOT NULL
UNION ALL
SELECT date, ad_account_id, campaign_id, campaign_name, 'conv_participation_7d', conv_participation_7d, NULL, currency, _finality FROM campaign_performance WHERE conv_participation_7d IS NOT NULL
UNION ALL
SELECT date, ad_account_id, campaign_id, campaign_name, 'conv_cmpt_reg_7d', conv_cmpt_reg_7d, NULL, currency, _finality FROM campaign_performance WHERE conv_cmpt_reg_7d IS NOT NULL
UNION ALL
SELECT date, ad_account_id, campaign_id, campaign_name, 'conv_signup_7d', conv_signup_7d, NULL, currency, _finality FROM campaign_performance WHERE conv_signup_7d IS NOT NULL
UNION ALL
SELECT date, ad_account_id, campaign_id, campaign_name, 'conv_app_install_7d', conv_app_install_7d, NULL, currency, _finality FROM campaign_performance WHERE conv_app_install_7d IS NOT NULL
UNION ALL
SELECT date, ad_account_id, campaign_id, campaign_name, 'conv_view_cart_7d', conv_view_cart_7d, NULL, currency, _finality FROM campaign_performance WHERE conv_view_cart_7d IS NOT NULL;
