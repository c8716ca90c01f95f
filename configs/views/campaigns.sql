CREATE VIEW campaigns (
  channel              VARCHAR(64) BINARY COMMENT 'Source: google_ads, meta_ads …',
  connection           VARCHAR(64) BINARY COMMENT 'Connection it was read through: the database of its own tables',
  account_id           VARCHAR(64) BINARY COMMENT 'Account at the channel',
  account_name         VARCHAR(255) COMMENT 'Name of the account',
  advertiser           VARCHAR(255) COMMENT 'Advertiser of the account, from ads.account_mapping',
  brand                VARCHAR(255) COMMENT 'Brand of the account, from ads.account_mapping',
  campaign_id          VARCHAR(64) BINARY COMMENT 'Campaign at the channel',
  campaign_name        VARCHAR(255) COMMENT 'Name as it is now',
  campaign_type        VARCHAR(64) BINARY COMMENT 'Kind of campaign, in the channel''s word',
  status               VARCHAR(64) BINARY COMMENT 'Status, in the channel''s word',
  active               TINYINT(1) COMMENT 'Whether it is switched on; whether it serves depends on budgets, dates and reviews too',
  daily_budget         DECIMAL(20,6) NONADDITIVE COMMENT 'Budget of a day; NULL without one, or where it is kept elsewhere. A shared budget is shown at each of its campaigns [account currency]',
  currency             VARCHAR(64) BINARY COMMENT 'Currency of the amounts, ISO 4217',
  account_time_zone    VARCHAR(64) BINARY COMMENT 'Time zone of the account'
) COMMENT 'Campaigns of every channel as they are now; columns by the naming rules are in ads.campaign_names'
AS SELECT
  COALESCE(b.account_name, a.account_name) AS account_name,
  COALESCE(b.currency, a.currency) AS currency,
  a.time_zone AS account_time_zone,
  m.advertiser AS advertiser,
  m.brand AS brand
FROM branches b
LEFT JOIN ads.accounts a ON a.connection = b.connection AND a.account_id = b.account_id
LEFT JOIN ads.account_mapping m ON m.connection = b.connection AND m.account_id = b.account_id;
