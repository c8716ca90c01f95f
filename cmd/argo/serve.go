package main

import (
	"fmt"

	"argo/configs"

	"github.com/spf13/cobra"
)

func serveCommand() *cobra.Command {
	var file, addr string
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the gateway",
		Long: `Run the gateway of a configuration until it is stopped (Ctrl-C or SIGTERM).
configs/argo.example.yaml is an annotated start; argo check tells what is wrong
with a configuration before it is used.`,
		Example: "  argo serve --config argo.yaml\n  argo serve --config argo.yaml --listen 0.0.0.0:3306",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := configs.Load(file)
			if err != nil {
				return err
			}
			if addr != "" {
				cfg.Listen = addr
			}
			l, err := listen(cfg.Listen, true)
			if err != nil {
				return err
			}
			a, err := assemble(c.Context(), cfg, l, logger(cfg.Log), realClock())
			if err != nil {
				return err
			}
			defer a.close()
			fmt.Fprintf(c.OutOrStdout(), "argo %s listens on %s, %s\n", version, l.Addr(), plural(len(cfg.Connections), "connection"))
			return a.serve(c.Context())
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "", "the configuration `FILE` (YAML)")
	c.Flags().StringVar(&addr, "listen", "", "`ADDR` to listen on instead of the configuration's, HOST:PORT")
	_ = c.MarkFlagRequired("config")
	return c
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
