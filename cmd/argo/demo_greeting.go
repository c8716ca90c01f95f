package main

import (
	"fmt"
	"io"
	"net"
	"text/template"

	"argo/tables/market"
)

var greeting = template.Must(template.New("greeting").Parse(`
Argo's demo listens on {{.Addr}}. Everything in it is simulated; Ctrl-C ends it.

  mysql     mariadb -h {{.Host}} -P {{.Port}} -u demo -pdemo google_ads
  JDBC      jdbc:mysql://{{.Addr}}/google_ads?user=demo&password=demo
  Tableau   Connect > To a Server > MySQL: server {{.Host}}, port {{.Port}},
            database google_ads, user demo, password demo
  argo      argo query --server {{.Addr}} 'SHOW DATABASES'

Databases: google_ads (a channel), appsflyer (a tracker), lake (files), ads (all
channels and trackers in one vocabulary), argo (sources, columns with units,
cache, statements, changes). Worth running:

  -- What did each campaign cost in the last 30 days, and what did it bring?
  SELECT c.name, SUM(p.cost) AS cost, p.currency, SUM(p.conversions) AS conversions
    FROM google_ads.campaign_performance p
    JOIN google_ads.campaigns c ON c.id = p.campaign_id AND c.customer_id = p.customer_id
   WHERE p.date >= CURDATE() - INTERVAL 30 DAY
   GROUP BY c.name, p.currency ORDER BY cost DESC LIMIT 10;

  -- Plan (lake), channel and tracker side by side; run it twice and look at
  -- argo.queries: the second answer needs no call.
  SELECT m.advertiser, m.campaign_name, m.planned_budget, g.cost, g.claimed, t.installs, m.currency
    FROM lake.media_plan m
    JOIN (SELECT campaign_id, SUM(cost) AS cost, SUM(conversions) AS claimed
            FROM google_ads.campaign_performance
           WHERE date >= DATE_FORMAT(CURDATE(), '%Y-%m-01') GROUP BY campaign_id) g
      ON g.campaign_id = m.campaign_id
    LEFT JOIN (SELECT campaign, SUM(installs) AS installs
                 FROM appsflyer.partners_by_date
                WHERE date >= DATE_FORMAT(CURDATE(), '%Y-%m-01') GROUP BY campaign) t
      ON t.campaign = m.campaign_name
   WHERE m.month = DATE_FORMAT(CURDATE(), '%Y-%m-01')
   ORDER BY m.advertiser, m.campaign_name;

  -- A real file: ad results by age (1,143 rows, published with a data set).
  SELECT age, SUM(Impressions) AS impressions, SUM(Clicks) AS clicks, ROUND(SUM(Spent), 2) AS spent
    FROM lake.facebook_campaigns GROUP BY age ORDER BY age;

And what changes a campaign, first as a preview, then for good:

  CALL google_ads.pause_campaign({{.Campaign}}, '{"dry_run": true}');
  CALL google_ads.pause_campaign({{.Campaign}});
  SELECT name, status FROM google_ads.campaigns WHERE id = {{.Campaign}};
  SELECT * FROM argo.runs ORDER BY created_at DESC LIMIT 5;
{{if .Kept}}
The state is kept in {{.Dir}}.
{{end}}`))

// greet prints how to connect and what to try.
func (w *world) greet(out io.Writer, addr net.Addr, dir string, kept bool) error {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return err
	}
	return greeting.Execute(out, map[string]any{
		"Addr": addr, "Host": host, "Port": port, "Campaign": w.exampleCampaign(), "Dir": dir, "Kept": kept,
	})
}

// exampleCampaign is one that is enabled now.
func (w *world) exampleCampaign() int64 {
	for _, a := range w.market.On("google_ads").Accounts() {
		for _, c := range w.market.Campaigns(a.ID) {
			if a.Status == market.Enabled && c.Status == market.Enabled {
				return c.ID
			}
		}
	}
	panic(fmt.Sprintf("the market has no enabled campaign among %d accounts", len(w.market.Accounts())))
}
