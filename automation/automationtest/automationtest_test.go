package automationtest_test

import (
	"testing"

	"argo/automation"
	"argo/automation/automationtest"
)

func TestLedgerInMemory(t *testing.T) {
	automationtest.TestLedger(t, func(*testing.T) func() automation.Ledger {
		l := automationtest.NewLedger()
		return func() automation.Ledger { return l }
	})
}
