package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"argo/tables/fault"
	"argo/tables/market"

	"github.com/spf13/cobra"
)

func simulateCommand() *cobra.Command {
	var (
		addr     string
		seed     uint64
		accounts int
		machine  bool
	)
	c := &cobra.Command{
		Use:   "simulate SOURCE",
		Short: "Play one vendor's API on the simulated market",
		Long: `Play the API of one vendor on this machine, drawn from the simulated market, and
print the connection to it: to try a configuration, a client library or a
dashboard without an account. It refuses what the vendor refuses. Nothing leaves
this machine; Ctrl-C ends it.

The sources that can be played: ` + strings.Join(simulated(), ", ") + ".",
		Example: "  argo simulate google_ads\n  argo simulate google_ads --listen 127.0.0.1:9010 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			i := slices.IndexFunc(simulators, func(s player) bool { return s.source == args[0] })
			if i < 0 {
				return fault.New(fault.Invalid, "no simulator plays %q", args[0]).WithHint("one of: %s", strings.Join(simulated(), ", "))
			}
			if accounts < 1 || accounts > 5000 {
				return fault.New(fault.Invalid, "--accounts is from 1 to 5000")
			}
			m := market.New(market.Options{Seed: seed, Clock: market.RealClock{}, Channels: channelsOf(accounts)})
			return simulate(c.Context(), c.OutOrStdout(), simulators[i], m, addr, machine)
		},
	}
	c.Flags().StringVar(&addr, "listen", "127.0.0.1:0", "`ADDR` of the vendor, on loopback; port 0 is a free one")
	c.Flags().Uint64Var(&seed, "seed", 1, "`N` of the simulated world")
	c.Flags().IntVar(&accounts, "accounts", 3, "`N` accounts that a channel has")
	c.Flags().BoolVar(&machine, "json", false, "print url, options and secrets as one line of JSON")
	return c
}

func simulated() (names []string) {
	for _, s := range simulators {
		names = append(names, s.source)
	}
	return names
}

func simulate(ctx context.Context, out io.Writer, s player, m *market.Market, addr string, machine bool) error {
	l, err := listen(addr, true)
	if err != nil {
		return err
	}
	if !loopback(l.Addr()) {
		l.Close()
		return fault.New(fault.Refused, "a simulator has published credentials and listens on loopback addresses only").
			WithHint("--listen 127.0.0.1:PORT")
	}
	p := s.play(s.on(m))
	url := "http://" + l.Addr().String()
	if err := announce(out, s, p, url, machine); err != nil {
		l.Close()
		return err
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

// announce prints how to connect: for a person, or as JSON.
func announce(out io.Writer, s player, p vendorPlay, url string, machine bool) error {
	ref := func(name string) string { return "env:ARGO_" + strings.ToUpper(s.source+"_"+name) }
	options := p.connection(url, ref)
	if machine {
		return json.NewEncoder(out).Encode(map[string]any{"source": s.source, "url": url, "options": options, "secrets": p.secrets})
	}
	fmt.Fprintf(out, "%s is played on %s; Ctrl-C ends it.\n\nThe connection to it:\n\nconnections:\n", s.source, url)
	if err := writeConnection(out, s.source, options); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nIts secrets, for the shell that runs argo serve:")
	fmt.Fprintln(out)
	for _, name := range slices.Sorted(maps.Keys(p.secrets)) {
		fmt.Fprintf(out, "export %s='%s'\n", strings.TrimPrefix(ref(name), "env:"), strings.ReplaceAll(p.secrets[name], "'", `'\''`))
	}
	return nil
}
