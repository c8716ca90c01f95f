-- branch of performance
SELECT date, customer_id AS account_id, campaign_id, campaign_name, impressions, clicks, cost AS spend,
  conversions, conversions_value, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM campaign_performance;

-- branch of ad_group_performance
SELECT date, customer_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_group_name, impressions, clicks, cost AS spend,
  conversions, conversions_value, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_group_performance;

-- branch of ad_performance
SELECT date, customer_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_group_name, ad_id, ad_name,
  impressions, clicks, cost AS spend,
  conversions, conversions_value, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_performance;

-- branch of keyword_performance
SELECT date, customer_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_group_name,
  criterion_id AS keyword_id, keyword_text, keyword_match_type,
  impressions, clicks, cost AS spend,
  conversions, conversions_value, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM keyword_performance;

-- branch of search_term_performance
SELECT date, customer_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_group_name,
  search_term, search_term_match_type AS search_match_type,
  impressions, clicks, cost AS spend,
  conversions, conversions_value, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM search_term_performance;

-- branch of campaigns
SELECT customer_id AS account_id, id AS campaign_id, name AS campaign_name, advertising_channel_type AS campaign_type,
  status, status = 'ENABLED' AS active, budget_amount AS daily_budget, currency
FROM campaigns;
