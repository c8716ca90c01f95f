package main

import (
	"fmt"
	"strings"

	tablesall "argo/tables/all"
	"argo/tables/fault"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

func sourcesCommand() *cobra.Command {
	var sample string
	c := &cobra.Command{
		Use:   "sources",
		Short: "List what can be connected",
		Long: `List the kinds of sources that a configuration can connect. With --sample, print
an annotated piece of configuration to paste under "connections:".`,
		Example: "  argo sources\n  argo sources --sample google_ads",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if sample != "" {
				s, ok := findSource(sample)
				if !ok {
					return fault.New(fault.Invalid, "there is no source called %q", sample).WithHint("argo sources lists them")
				}
				fmt.Fprintln(c.OutOrStdout(), strings.TrimRight(s.Sample, "\n"))
				return nil
			}
			t := table.NewWriter()
			t.SetOutputMirror(c.OutOrStdout())
			t.SetStyle(table.StyleLight)
			t.Style().Format.Header = 0
			t.AppendHeader(table.Row{"source", "what it is"})
			for _, s := range tablesall.Sources() {
				t.AppendRow(table.Row{s.Name, s.Doc})
			}
			t.Render()
			return nil
		},
	}
	c.Flags().StringVar(&sample, "sample", "", "print a sample configuration of the source `NAME`")
	return c
}
