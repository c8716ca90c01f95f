-- branch of trackers
SELECT date, 'install' AS clock, app_id AS account_id, media_source, campaign AS campaign_name, impressions, clicks, installs,
  NULL AS events, sessions, total_revenue AS revenue, total_cost AS cost, currency, _finality AS finality, _fetched_at AS fetched_at
FROM partners_by_date
UNION ALL
SELECT date, 'install', app_id, media_source, campaign, NULL, NULL, NULL,
  event_count, NULL, NULL, NULL, currency, _finality, _fetched_at
FROM partners_events_by_date;

-- branch of conversions
SELECT date, app_id AS account_id, media_source, campaign AS campaign_name, event_name AS action_type,
  event_count AS conversions, sales AS conversions_value, currency, _finality AS finality
FROM partners_events_by_date;
