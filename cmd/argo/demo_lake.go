package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"argo/configs/samples"
	"argo/tables"
	"argo/tables/market"

	"github.com/klauspost/compress/gzip"
)

// seedLake writes the demo's data sets into dir: the real sample, the media
// plan as a spreadsheet would export it, and the shop's orders as NDJSON by
// month. What a kept folder has of past months is replaced as a whole file.
func (w *world) seedLake(dir string) error {
	if err := writeFile(filepath.Join(dir, "facebook_campaigns.csv"), samples.FacebookCampaigns); err != nil {
		return err
	}
	plan, err := w.mediaPlan()
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "media_plan.csv"), plan); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, "orders")); err != nil {
		return err
	}
	byMonth := map[string][]market.Order{}
	for _, o := range w.market.Orders(tables.Days{From: w.market.Start(), To: tables.DayOf(w.market.Now()).Add(1)}) {
		month := string(o.Day[:7])
		byMonth[month] = append(byMonth[month], o)
	}
	for month, orders := range byMonth {
		content, err := ndjson(orders)
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, "orders", "month="+month, "orders.ndjson.gz"), content); err != nil {
			return err
		}
	}
	return nil
}

// mediaPlan is a CSV: what was agreed with the advertisers for each month.
func (w *world) mediaPlan() ([]byte, error) {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	lines := [][]string{{"month", "advertiser", "customer_id", "campaign_id", "campaign_name", "planned_budget", "target_cpa", "currency"}}
	for _, p := range w.market.MediaPlan() {
		lines = append(lines, []string{p.Month + "-01", p.Advertiser, strconv.FormatInt(p.Account, 10), strconv.FormatInt(p.Campaign, 10),
			p.Name, fromMicros(p.Budget), fromMicros(p.TargetCPA), p.Currency})
	}
	err := c.WriteAll(lines)
	return b.Bytes(), err
}

// order is a line of the shop's export.
type order struct {
	OrderID    string      `json:"order_id"`
	OrderedAt  string      `json:"ordered_at"` // UTC
	Day        tables.Day  `json:"day"`        // in the shop's calendar
	Advertiser string      `json:"advertiser"`
	CampaignID *int64      `json:"campaign_id"`
	Campaign   *string     `json:"campaign_name"`
	Country    string      `json:"country"`
	Amount     json.Number `json:"amount"`
	Currency   string      `json:"currency"`
}

func ndjson(orders []market.Order) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	enc := json.NewEncoder(z)
	var errs []error
	for _, o := range orders {
		line := order{OrderID: o.ID, OrderedAt: o.At.UTC().Format("2006-01-02 15:04:05"), Day: o.Day, Advertiser: o.Advertiser,
			Country: o.Country, Amount: json.Number(fromMicros(o.Amount)), Currency: o.Currency}
		if o.Campaign != 0 {
			line.CampaignID, line.Campaign = &o.Campaign, &o.Name
		}
		errs = append(errs, enc.Encode(line))
	}
	err := errors.Join(append(errs, z.Close())...)
	return b.Bytes(), err
}

// fromMicros writes an amount as a decimal without trailing zeros; it never
// goes through a float.
func fromMicros(micros int64) string {
	s := fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6)
	return string(bytes.TrimRight(bytes.TrimRight([]byte(s), "0"), "."))
}
