-- Clicks are taps; conversions are installs after a tap, which Apple counts for the
-- day of the tap. Apple knows no value of them. Where Apple withholds a search term
-- its text is empty.

-- branch of performance
SELECT date, ad_account_id AS account_id, campaign_id, campaign_name, impressions, taps AS clicks, local_spend AS spend,
  tap_installs AS conversions, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM campaign_performance;

-- branch of ad_group_performance
SELECT date, ad_account_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_group_name, impressions, taps AS clicks, local_spend AS spend,
  tap_installs AS conversions, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_group_performance;

-- branch of ad_performance
SELECT date, ad_account_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_id, ad_name,
  impressions, taps AS clicks, local_spend AS spend,
  tap_installs AS conversions, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM ad_performance;

-- branch of keyword_performance
SELECT date, ad_account_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_group_name,
  keyword_id, keyword AS keyword_text, match_type AS keyword_match_type,
  impressions, taps AS clicks, local_spend AS spend,
  tap_installs AS conversions, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM keyword_performance;

-- branch of search_term_performance
SELECT date, ad_account_id AS account_id, campaign_id, campaign_name, ad_group_id, ad_group_name,
  search_term_text AS search_term, match_type AS search_match_type,
  impressions, taps AS clicks, local_spend AS spend,
  tap_installs AS conversions, currency, _finality AS finality, _fetched_at AS fetched_at, _quality AS quality
FROM search_term_performance;

-- branch of campaigns
SELECT ad_account_id AS account_id, id AS campaign_id, name AS campaign_name, status, status = 'ENABLED' AS active, daily_budget, currency
FROM campaigns;
