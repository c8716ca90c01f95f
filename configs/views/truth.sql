CREATE VIEW truth (
  source               VARCHAR(64) BINARY COMMENT 'Who says it: channel (what it claims), tracker (what it attributes) or ga4',
  measured_by          VARCHAR(64) BINARY COMMENT 'The channel or tracker itself: google_ads, appsflyer …',
  connection           VARCHAR(64) BINARY COMMENT 'Connection it was read through',
  date                 DATE COMMENT 'Day by the source''s own clock: of the click for most channels, of the install for most trackers',
  channel              VARCHAR(64) BINARY COMMENT 'Channel that the row is about; NULL where a tracker names none (organic, unknown networks)',
  account_id           VARCHAR(64) BINARY COMMENT 'Account of the channel, app or property of the tracker',
  advertiser           VARCHAR(255) COMMENT 'Advertiser, from ads.account_mapping',
  brand                VARCHAR(255) COMMENT 'Brand, from ads.account_mapping',
  campaign_name        VARCHAR(255) COMMENT 'Name of the campaign, as the source has it',
  match_key            VARCHAR(255) COMMENT 'What the sources are matched by, beside day and channel: the name of the campaign without spaces around it; case does not matter',
  matched              TINYINT(1) COMMENT 'Whether the other side (of a channel: any tracker; of a tracker: the channel) has a row of the same day, channel and match_key',
  bucket               VARCHAR(64) BINARY COMMENT 'matched or unmatched: every row of a source is in one of them, so that the sums of a source are its own totals',
  impressions          BIGINT COMMENT 'Impressions [count]',
  clicks               BIGINT COMMENT 'Clicks [count]',
  spend                DECIMAL(20,6) COMMENT 'Spend, of channels [account currency]',
  conversions          DECIMAL(20,6) COMMENT 'Of a channel the conversions that it claims, of a tracker installs, of ga4 key events [count]',
  revenue              DECIMAL(20,6) COMMENT 'Of a channel the value of its conversions, of a tracker revenue [account currency]',
  currency             VARCHAR(64) BINARY COMMENT 'Currency of the row''s amounts, ISO 4217',
  finality             VARCHAR(64) BINARY COMMENT 'partial_day, provisional or final'
) COMMENT 'What channels claim beside what trackers attribute and GA4 counts, one below the other: each row of each source once. The match rate is SUM(conversions * matched) / SUM(conversions), see ads.match_rates'
AS SELECT 'channel' AS source, p.channel AS measured_by, p.connection AS connection, p.date AS date, p.channel AS channel, p.account_id AS account_id,
  p.advertiser AS advertiser, p.brand AS brand, p.campaign_name AS campaign_name, TRIM(p.campaign_name) AS match_key,
  o.n IS NOT NULL AS matched, CASE WHEN o.n IS NULL THEN 'unmatched' ELSE 'matched' END AS bucket,
  p.impressions AS impressions, p.clicks AS clicks, p.spend AS spend, p.conversions AS conversions, p.conversions_value AS revenue,
  p.currency AS currency, p.finality AS finality
FROM ads.performance p
LEFT JOIN (
  SELECT t.date AS date, t.channel AS channel, TRIM(t.campaign_name) AS match_key, COUNT(*) AS n FROM ads.trackers t
  WHERE t.channel IS NOT NULL AND t.campaign_name IS NOT NULL GROUP BY t.date, t.channel, TRIM(t.campaign_name)
) o ON o.date = p.date AND o.channel = p.channel AND o.match_key = TRIM(p.campaign_name)
UNION ALL
SELECT CASE WHEN t.tracker = 'ga4' THEN 'ga4' ELSE 'tracker' END, t.tracker, t.connection, t.date, t.channel, t.account_id,
  t.advertiser, t.brand, t.campaign_name, TRIM(t.campaign_name),
  o.n IS NOT NULL, CASE WHEN o.n IS NULL THEN 'unmatched' ELSE 'matched' END,
  t.impressions, t.clicks, NULL, CASE WHEN t.tracker = 'ga4' THEN t.events ELSE t.installs END, t.revenue,
  t.currency, t.finality
FROM ads.trackers t
LEFT JOIN (
  SELECT p.date AS date, p.channel AS channel, TRIM(p.campaign_name) AS match_key, COUNT(*) AS n FROM ads.performance p
  WHERE p.campaign_name IS NOT NULL GROUP BY p.date, p.channel, TRIM(p.campaign_name)
) o ON o.date = t.date AND o.channel = t.channel AND o.match_key = TRIM(t.campaign_name);

CREATE VIEW match_rates (
  source               VARCHAR(64) BINARY COMMENT 'channel, tracker or ga4',
  measured_by          VARCHAR(64) BINARY COMMENT 'The channel or tracker itself',
  connection           VARCHAR(64) BINARY COMMENT 'Connection it was read through',
  date                 DATE COMMENT 'Day by the source''s own clock',
  conversions          DECIMAL(20,6) COMMENT 'Conversions, installs or key events, as in ads.truth [count]',
  matched_conversions  DECIMAL(20,6) COMMENT 'Those of rows that have a match [count]',
  match_rate           DECIMAL(20,6) NONADDITIVE COMMENT 'Matched by all, of this row; for several rows divide the sums [ratio 0..1]'
) COMMENT 'How much of what each source counted the other side has too, by day'
AS SELECT t.source AS source, t.measured_by AS measured_by, t.connection AS connection, t.date AS date,
  SUM(t.conversions) AS conversions, SUM(t.conversions * t.matched) AS matched_conversions,
  SUM(t.conversions * t.matched) / SUM(t.conversions) AS match_rate
FROM ads.truth t GROUP BY t.source, t.measured_by, t.connection, t.date;
