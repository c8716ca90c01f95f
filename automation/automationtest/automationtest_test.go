package automationtest_test

import (
	"testing"

	"argo/automation"
	"argo/automation/automationtest"
)

func TestBookInMemory(t *testing.T) {
	automationtest.TestBook(t, func(*testing.T) func() (automation.Ledger, automation.Book) {
		l := automationtest.NewLedger()
		return func() (automation.Ledger, automation.Book) { return l, l.Book() }
	})
}

func TestLedgerInMemory(t *testing.T) {
	automationtest.TestLedger(t, func(*testing.T) func() automation.Ledger {
		l := automationtest.NewLedger()
		return func() automation.Ledger { return l }
	})
}
