-- What channels delivered, one view for each grain. All have the same columns;
-- those that are finer than a view's grain are NULL in it.
CREATE VIEW performance (
  channel              VARCHAR(64) BINARY COMMENT 'Source that delivered: google_ads, meta_ads …',
  connection           VARCHAR(64) BINARY COMMENT 'Connection it was read through: the database of its own tables',
  date                 DATE COMMENT 'Day in the account''s own calendar (account_time_zone)',
  account_id           VARCHAR(64) BINARY COMMENT 'Account at the channel',
  account_name         VARCHAR(255) COMMENT 'Name of the account',
  advertiser           VARCHAR(255) COMMENT 'Advertiser of the account, from ads.account_mapping; NULL where it has no line there',
  brand                VARCHAR(255) COMMENT 'Brand of the account, from ads.account_mapping',
  campaign_id          VARCHAR(64) BINARY COMMENT 'Campaign at the channel',
  campaign_name        VARCHAR(255) COMMENT 'Name of the campaign when the row was read',
  ad_group_id          VARCHAR(64) BINARY COMMENT 'Ad group, ad set or line item; NULL in views by campaign',
  ad_group_name        VARCHAR(255) COMMENT 'Name of the ad group when the row was read',
  ad_id                VARCHAR(64) BINARY COMMENT 'Ad or creative; in ads.ad_performance',
  ad_name              VARCHAR(255) COMMENT 'Name of the ad when the row was read',
  keyword_id           VARCHAR(64) BINARY COMMENT 'Keyword; in ads.keyword_performance',
  keyword_text         VARCHAR(255) COMMENT 'The keyword; in ads.keyword_performance and ads.search_term_performance',
  keyword_match_type   VARCHAR(64) BINARY COMMENT 'How the keyword matches, in the channel''s word',
  search_term          VARCHAR(255) COMMENT 'What people typed; in ads.search_term_performance',
  search_match_type    VARCHAR(64) BINARY COMMENT 'How the search term matched, in the channel''s word',
  impressions          BIGINT COMMENT 'Times an ad was shown [count]',
  clicks               BIGINT COMMENT 'Clicks, as the channel counts them [count]',
  spend                DECIMAL(20,6) COMMENT 'What was spent, as the channel reports it: whether value added tax is in it is the channel''s custom, see spend_net. Of several currencies add up spend_reporting [account currency]',
  conversions          DECIMAL(20,6) COMMENT 'Conversions that the channel claims, by its own rules of attribution: not comparable between channels, see ads.truth [count]',
  conversions_value    DECIMAL(20,6) COMMENT 'Value of these conversions [account currency]',
  currency             VARCHAR(64) BINARY COMMENT 'Currency of the row''s amounts, ISO 4217',
  account_time_zone    VARCHAR(64) BINARY COMMENT 'Time zone of the account, in which its days begin and end',
  spend_net            DECIMAL(20,6) COMMENT 'Spend without value added tax, by ads.vat [account currency]',
  spend_gross          DECIMAL(20,6) COMMENT 'Spend with value added tax, by ads.vat [account currency]',
  reporting_currency   VARCHAR(64) BINARY COMMENT 'Currency of the columns that end in _reporting: SET argo_currency = ''KRW''; NULL where none is set',
  exchange_rate        DECIMAL(24,12) NONADDITIVE COMMENT 'Units of the reporting currency for one of the row''s currency on its day, from ads.daily_rates; NULL where none is known',
  spend_reporting      DECIMAL(20,6) COMMENT 'Spend × exchange_rate, rounded to six places; NULL without a rate, which gives a warning [reporting currency]',
  conversions_value_reporting DECIMAL(20,6) COMMENT 'Conversions_value × exchange_rate, rounded to six places [reporting currency]',
  finality             VARCHAR(64) BINARY COMMENT 'partial_day: read before the account''s day had ended; provisional: the channel may still restate it; final: it does no more',
  fetched_at           DATETIME COMMENT 'When the channel was asked for the row (UTC)',
  quality              VARCHAR(64) BINARY COMMENT 'ok: the rows add up to the channel''s own totals; break: they do not, see argo.reconcile; unchecked: the channel gives none',
  country              VARCHAR(64) BINARY COMMENT 'Country of the audience, ISO 3166 of two letters; NULL where the grain has none',
  region               VARCHAR(255) COMMENT 'Region of the audience; NULL where the grain has none',
  base_url             VARCHAR(2048) COMMENT 'Landing page without its query; NULL where the channel does not give it with the figures',
  url_host             VARCHAR(255) COMMENT 'Host of the landing page',
  url_path             VARCHAR(2048) COMMENT 'Path of the landing page',
  utm_source           VARCHAR(255) COMMENT 'utm_source of the landing page',
  utm_medium           VARCHAR(255) COMMENT 'utm_medium of the landing page',
  utm_campaign         VARCHAR(255) COMMENT 'utm_campaign of the landing page',
  utm_content          VARCHAR(255) COMMENT 'utm_content of the landing page',
  utm_term             VARCHAR(255) COMMENT 'utm_term of the landing page',
  source_relation      VARCHAR(64) BINARY COMMENT 'The same as connection, by the name that dbt_ad_reporting has for it',
  date_day             DATE COMMENT 'The same as date, by the name that dbt_ad_reporting has for it',
  platform             VARCHAR(64) BINARY COMMENT 'The same as channel, by the name that dbt_ad_reporting has for it',
  search_query         VARCHAR(255) COMMENT 'The same as search_term, by the name that dbt_ad_reporting has for it'
) COMMENT 'What every channel delivered by day and campaign: the whole of what it reports. Finer grains are in ads.ad_group_performance, ads.ad_performance, ads.keyword_performance and ads.search_term_performance'
AS SELECT
  COALESCE(b.account_name, a.account_name) AS account_name,
  COALESCE(b.currency, a.currency) AS currency,
  a.time_zone AS account_time_zone,
  m.advertiser AS advertiser,
  m.brand AS brand,
  CASE WHEN v.included THEN b.spend / (1 + v.vat_rate) ELSE b.spend END AS spend_net,
  CASE WHEN v.included THEN b.spend ELSE b.spend * (1 + COALESCE(v.vat_rate, 0)) END AS spend_gross,
  NULLIF({{argo_currency}}, '') AS reporting_currency,
  r.rate AS exchange_rate,
  b.spend * r.rate AS spend_reporting,
  b.conversions_value * r.rate AS conversions_value_reporting,
  b.connection AS source_relation,
  b.date AS date_day,
  b.channel AS platform,
  b.search_term AS search_query
FROM branches b
LEFT JOIN ads.accounts a ON a.connection = b.connection AND a.account_id = b.account_id
LEFT JOIN ads.account_mapping m ON m.connection = b.connection AND m.account_id = b.account_id
LEFT JOIN ads.daily_vat v ON v.connection = b.connection AND v.date = b.date
LEFT JOIN ads.daily_rates r ON r.date = b.date AND r.from_currency = COALESCE(b.currency, a.currency) AND r.to_currency = {{argo_currency}};

CREATE VIEW ad_group_performance LIKE performance COMMENT 'What channels delivered by day and ad group. What has no ad groups (Performance Max) is in ads.performance only';
CREATE VIEW ad_performance LIKE performance COMMENT 'What channels delivered by day and ad. What has no ads of its own is in ads.performance only';
CREATE VIEW keyword_performance LIKE performance COMMENT 'What channels delivered by day and keyword';
CREATE VIEW search_term_performance LIKE performance COMMENT 'What people typed and what came of it, by day; channels leave rare terms out, so that sums are below those of ads.performance';
