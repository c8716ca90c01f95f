-- Conversions are those of each ad group's own optimisation goal; their value is
-- that of the purchases that TikTok counts (total_purchase_value).

-- branch of performance
SELECT date, advertiser_id AS account_id, campaign_id, campaign_name, impressions, clicks, spend,
  conversion AS conversions, total_purchase_value AS conversions_value,
  currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM campaign_performance;

-- branch of ad_group_performance
SELECT date, advertiser_id AS account_id, campaign_id, campaign_name, adgroup_id AS ad_group_id, adgroup_name AS ad_group_name,
  impressions, clicks, spend, conversion AS conversions, total_purchase_value AS conversions_value,
  currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM adgroup_performance;

-- branch of ad_performance
SELECT date, advertiser_id AS account_id, campaign_id, campaign_name, adgroup_id AS ad_group_id, adgroup_name AS ad_group_name, ad_id, ad_name,
  impressions, clicks, spend, conversion AS conversions, total_purchase_value AS conversions_value,
  currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_performance;

-- branch of campaigns
SELECT advertiser_id AS account_id, campaign_id, campaign_name, objective_type AS campaign_type, operation_status AS status,
  operation_status = 'ENABLE' AS active, IF(budget_mode = 'BUDGET_MODE_DAY', budget, NULL) AS daily_budget, currency
FROM campaigns;

-- branch of conversions
SELECT date, advertiser_id AS account_id, campaign_id, campaign_name, 'conversion' AS action_type, conversion AS conversions,
  NULL AS conversions_value, currency, _finality AS finality
FROM campaign_performance WHERE conversion IS NOT NULL
UNION ALL
SELECT date, advertiser_id, campaign_id, campaign_name, 'complete_payment', complete_payment, total_purchase_value, currency, _finality
FROM campaign_performance WHERE complete_payment IS NOT NULL;
