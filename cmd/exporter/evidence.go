package main

import "github.com/spf13/cobra"

// evidenceCommand is the group; each of its commands has its file.
func (a *app) evidenceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "evidence",
		Short: "Make and check evidence for auditors, who need not have this program",
		Long: `An evidence bundle holds the reports of a period with all that is needed to
check them: the snapshot, the pages as received, the journal, and a signature
over it all. An auditor checks it with sha256sum, ssh-keygen and openssl;
VERIFY.txt in it says how.`,
		Example: `  exporter evidence keygen --identity evidence@example.com
  exporter evidence create --from 2026-01-01 --to 2026-03-31 --mask full
  exporter evidence verify evidence/evidence-2026-01-01-2026-03-31-full.zip`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.evidenceKeygenCommand(), a.evidenceCreateCommand(), a.evidenceVerifyCommand(), a.evidenceTraceCommand(),
		a.evidenceSampleCommand())
	return c
}
