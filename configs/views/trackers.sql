CREATE VIEW trackers (
  tracker              VARCHAR(64) BINARY COMMENT 'Source that measured: appsflyer, adjust, airbridge …',
  connection           VARCHAR(64) BINARY COMMENT 'Connection it was read through: the database of its own tables',
  date                 DATE COMMENT 'Day by the tracker''s clock: of the install for cohort reports, of the event for others; see clock',
  clock                VARCHAR(64) BINARY COMMENT 'What the day is that of: install, event or session',
  account_id           VARCHAR(64) BINARY COMMENT 'App or property at the tracker',
  account_name         VARCHAR(255) COMMENT 'Name of the app',
  advertiser           VARCHAR(255) COMMENT 'Advertiser of the app, from ads.account_mapping',
  brand                VARCHAR(255) COMMENT 'Brand of the app, from ads.account_mapping',
  media_source         VARCHAR(255) COMMENT 'Media source, network or source, in the tracker''s word',
  channel              VARCHAR(64) BINARY COMMENT 'Channel that the media source is, from ads.media_sources; NULL where it says nothing (organic, unknown networks)',
  campaign_id          VARCHAR(255) BINARY COMMENT 'Id of the campaign, where the tracker has one',
  campaign_name        VARCHAR(255) COMMENT 'Name of the campaign, as the tracker was told',
  country              VARCHAR(64) BINARY COMMENT 'Country, where the report is by country',
  impressions          BIGINT COMMENT 'Impressions that the tracker was told of [count]',
  clicks               BIGINT COMMENT 'Clicks that the tracker saw [count]',
  installs             BIGINT COMMENT 'Installs that the tracker attributes to the media source [count]',
  events               DECIMAL(20,6) COMMENT 'Events in the app, or key events of a property [count]',
  sessions             BIGINT COMMENT 'Sessions [count]',
  revenue              DECIMAL(20,6) COMMENT 'Revenue [account currency]',
  cost                 DECIMAL(20,6) COMMENT 'Cost that the tracker was told of; what was spent is in ads.performance [account currency]',
  currency             VARCHAR(64) BINARY COMMENT 'Currency of the row''s amounts, ISO 4217',
  account_time_zone    VARCHAR(64) BINARY COMMENT 'Time zone of the app''s calendar',
  reporting_currency   VARCHAR(64) BINARY COMMENT 'Currency of revenue_reporting: SET argo_currency = ''KRW''',
  revenue_reporting    DECIMAL(20,6) COMMENT 'Revenue × the rate of its day, rounded to six places [reporting currency]',
  finality             VARCHAR(64) BINARY COMMENT 'partial_day, provisional or final',
  fetched_at           DATETIME COMMENT 'When the tracker was asked for the row (UTC)'
) COMMENT 'What trackers measured, by day and media source'
AS SELECT
  b.channel AS tracker,
  s.channel AS channel,
  COALESCE(b.account_name, a.account_name) AS account_name,
  COALESCE(b.currency, a.currency) AS currency,
  a.time_zone AS account_time_zone,
  m.advertiser AS advertiser,
  m.brand AS brand,
  NULLIF({{argo_currency}}, '') AS reporting_currency,
  b.revenue * r.rate AS revenue_reporting
FROM branches b
LEFT JOIN ads.accounts a ON a.connection = b.connection AND a.account_id = b.account_id
LEFT JOIN ads.account_mapping m ON m.connection = b.connection AND m.account_id = b.account_id
LEFT JOIN ads.media_sources s ON s.media_source = b.media_source
LEFT JOIN ads.daily_rates r ON r.date = b.date AND r.from_currency = COALESCE(b.currency, a.currency) AND r.to_currency = {{argo_currency}};

CREATE VIEW conversions (
  channel              VARCHAR(64) BINARY COMMENT 'Source that counted: a channel or a tracker',
  connection           VARCHAR(64) BINARY COMMENT 'Connection it was read through: the database of its own tables',
  date                 DATE COMMENT 'Day by the source''s clock',
  account_id           VARCHAR(64) BINARY COMMENT 'Account or app',
  advertiser           VARCHAR(255) COMMENT 'Advertiser, from ads.account_mapping',
  brand                VARCHAR(255) COMMENT 'Brand, from ads.account_mapping',
  media_source         VARCHAR(255) COMMENT 'Media source, of a tracker',
  campaign_id          VARCHAR(255) BINARY COMMENT 'Campaign, where the source has its id',
  campaign_name        VARCHAR(255) COMMENT 'Name of the campaign',
  action_type          VARCHAR(255) BINARY COMMENT 'Action, conversion or event, in the source''s word',
  business_event       VARCHAR(255) COMMENT 'What it means here, from ads.conversion_taxonomy; NULL where it says nothing',
  conversions          DECIMAL(20,6) COMMENT 'How many [count]',
  conversions_value    DECIMAL(20,6) COMMENT 'Their value [account currency]',
  currency             VARCHAR(64) BINARY COMMENT 'Currency of the value, ISO 4217',
  finality             VARCHAR(64) BINARY COMMENT 'partial_day, provisional or final'
) COMMENT 'Conversions by what they were: each source''s action types beside the business event that they stand for'
AS SELECT
  t.business_event AS business_event,
  COALESCE(b.currency, a.currency) AS currency,
  m.advertiser AS advertiser,
  m.brand AS brand
FROM branches b
LEFT JOIN ads.accounts a ON a.connection = b.connection AND a.account_id = b.account_id
LEFT JOIN ads.account_mapping m ON m.connection = b.connection AND m.account_id = b.account_id
LEFT JOIN ads.conversion_taxonomy t ON t.channel = b.channel AND t.action_type = b.action_type;
