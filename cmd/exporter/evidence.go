package main

import "github.com/spf13/cobra"

// evidenceCommand is the group; each of its commands has its file.
func (a *app) evidenceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "evidence",
		Short: "Make and check evidence for auditors, who need not have this program",
		Long: `An evidence bundle holds the reports of a period with all that is needed to check
them: the snapshot, the pages as received, the journal, and a signature over it
all. An auditor checks it with sha256sum, ssh-keygen and openssl; VERIFY.txt in it
says how.`,
		Example: `  exporter evidence keygen --identity evidence@example.com`,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.evidenceKeygenCommand())
	c.AddCommand(a.evidenceTraceCommand(), a.evidenceSampleCommand())
	return c
}
