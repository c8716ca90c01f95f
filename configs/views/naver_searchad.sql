-- Spend is salesAmt as Naver reports it; whether VAT is in it is said in ads.vat and by
-- vat_included of the tables themselves. Conversions are those of all types.

-- branch of performance
SELECT date, customer_id AS account_id, campaign_id, campaign_name, imp_cnt AS impressions, clk_cnt AS clicks, sales_amt AS spend,
  ccnt AS conversions, conv_amt AS conversions_value, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM campaign_performance;

-- branch of ad_group_performance
SELECT date, customer_id AS account_id, campaign_id, ad_group_id, ad_group_name, imp_cnt AS impressions, clk_cnt AS clicks, sales_amt AS spend,
  ccnt AS conversions, conv_amt AS conversions_value, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_group_performance;

-- branch of ad_performance
SELECT date, customer_id AS account_id, ad_group_id, ad_id, imp_cnt AS impressions, clk_cnt AS clicks, sales_amt AS spend,
  ccnt AS conversions, conv_amt AS conversions_value, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_performance;

-- branch of keyword_performance
SELECT date, customer_id AS account_id, campaign_id, ad_group_id, keyword_id, keyword AS keyword_text, imp_cnt AS impressions, clk_cnt AS clicks, sales_amt AS spend,
  ccnt AS conversions, conv_amt AS conversions_value, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM keyword_performance;

-- branch of search_term_performance
SELECT date, customer_id AS account_id, campaign_id, ad_group_id, search_keyword AS search_term, search_keyword_type AS search_match_type,
  impressions, clicks, cost AS spend, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM stat_expkeyword;

-- branch of campaigns
SELECT customer_id AS account_id, campaign_id, name AS campaign_name, campaign_tp AS campaign_type, status, NOT user_lock AS active,
  CASE WHEN shared_budget_id IS NOT NULL THEN shared_daily_budget WHEN use_daily_budget THEN daily_budget END AS daily_budget, currency
FROM campaigns;
